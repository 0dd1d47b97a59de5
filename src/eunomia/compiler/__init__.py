"""From C source to package: toolchain, vmlinux.h, annotations, event types."""
