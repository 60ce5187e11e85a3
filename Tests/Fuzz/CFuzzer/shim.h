#pragma once
#include <stddef.h>
#include <stdint.h>

// Of compiler-rt's libFuzzer, which a build with -sanitize=fuzzer links.
int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *data, size_t size));
