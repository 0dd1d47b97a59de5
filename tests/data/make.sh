#!/bin/sh
# Compile the objects in this directory again (clang 14 made them; tests do not depend on its version).
set -e
cd "$(dirname "$0")"
for source in torture.bpf.c core.bpf.c golden/*.bpf.c; do
    ${CLANG:-clang} -g -O2 -target bpf -mcpu=v3 -fdebug-compilation-dir=. -c "$source" -o "${source%.c}.o"
    llvm-strip -g "${source%.c}.o" 2>/dev/null || true
done
