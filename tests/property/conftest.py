# SPDX-License-Identifier: Apache-2.0
"""Marks. `slow`: seconds of computing or tracing that a build with sanitizers would only make slower, or cannot do (leaks cannot be looked for below strace)."""
import os

# Where time is faked, the library that does it comes before that of the sanitizer.
os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out with sanitizers")
