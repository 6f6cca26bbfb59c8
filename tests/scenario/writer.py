#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""writer.py PORT FILE [FIRST]: posts "row N" without a pause, N rising; appends each N that was acknowledged to FILE."""
import http.client
import itertools
import sys
import time


def main():
    port, path = int(sys.argv[1]), sys.argv[2]
    with open(path, "a", buffering=1) as acknowledged:
        for number in itertools.count(int(sys.argv[3]) if len(sys.argv) > 3 else 1):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
                connection.request("POST", "/bulletins", "row %d" % number)
                good = connection.getresponse().status == 201
                connection.close()
            except (OSError, http.client.HTTPException):
                good = False
            if good:
                acknowledged.write("%d\n" % number)
            time.sleep(0.005 if good else 0.02)


if __name__ == "__main__":
    main()
