#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# The Python client of the control protocol. usage: client_python.sh VGPIO
here=$(dirname "$0")
command -v python3 > /dev/null || {
    echo "skip: no python3"
    exit 77
}
exec python3 -B "$here/client.py" "$1" "$here/../../src/python"
