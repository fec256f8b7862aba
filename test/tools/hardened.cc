// Has what the hardening flags act on: a buffer on the stack and a copy whose length is not known.
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  char buffer[64];
  std::strncpy(buffer, argv[0], static_cast<size_t>(argc) * 8);
  buffer[sizeof(buffer) - 1] = '\0';
  return std::puts(buffer) < 0 ? 1 : 0;
}
