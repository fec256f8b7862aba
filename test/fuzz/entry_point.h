#pragma once

#include <cstddef>
#include <cstdint>

// The fuzz entry point, named by libFuzzer: one call handles one input and returns 0. It must not
// keep state from one call to the next.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
