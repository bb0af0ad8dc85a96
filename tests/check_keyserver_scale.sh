#!/bin/sh
# Ten thousand members join, renew and ask at about the cost of a thousand, each.
# SPDX-License-Identifier: ISC

exec "${builddir:-.}/bench/keyserver" 4
