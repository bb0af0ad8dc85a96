#!/bin/sh
# A group with the method static: members, a newcomer, and one that goes.
# SPDX-License-Identifier: ISC

METHOD=static
# shellcheck source=tests/group.sh
. "${srcdir:-$(dirname "$0")/..}/tests/group.sh"
