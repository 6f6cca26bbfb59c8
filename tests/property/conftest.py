# SPDX-License-Identifier: Apache-2.0
"""Marks. `slow`: seconds of computing or tracing that a build with sanitizers would only make slower, or cannot do (leaks cannot be looked for below strace)."""


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out with sanitizers")
