#pragma once

#include <sys/types.h>

#include <cstddef>
#include <vector>

namespace weir::test {

// What the kernel says of this test's own processes and descriptors.

// The children of this process, zombies too.
std::vector<pid_t> childrenOfThis();
// Whether a process is there and is no zombie.
bool runs(pid_t pid);
// Waits for a child of this process to end, and takes it away.
pid_t waitForAnyChild();
// How many descriptors are open in this process.
size_t openDescriptors();

}  // namespace weir::test
