#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "source/buffer/buffer.h"

namespace weir::extensions::http_filters::grpc_web {

// Reads base64 (RFC 4648 4) as it comes, in pieces of any size. What gRPC-Web calls text is one or
// more encoded pieces behind each other, so padding may stand at the end of every group of four.
// Strict otherwise: no line breaks, no other alphabet, no bits set that decode to nothing.
// Worker-confined.
class Base64Reader {
 public:
  // Takes all of `encoded` and appends what it says to `decoded`. False: malformed; nothing more
  // may be read then.
  [[nodiscard]] bool read(buffer::Buffer& encoded, buffer::Buffer& decoded);
  // The text may end here.
  bool complete() const { return digits_ == 0; }

 private:
  bool read(std::string_view encoded, buffer::Buffer& decoded);
  bool readDigit(char c, char*& out);

  uint32_t bits_ = 0;   // of the group that has begun
  uint8_t digits_ = 0;  // of it, padding counted
  uint8_t padding_ = 0;
};

// Writes base64 as bytes come; holds up to two that do not fill a group. Worker-confined.
class Base64Writer {
 public:
  void write(std::string_view bytes, buffer::Buffer& encoded);
  // Writes what is held, with padding.
  void flush(buffer::Buffer& encoded);

 private:
  std::array<char, 3> held_{};
  size_t count_ = 0;
};

}  // namespace weir::extensions::http_filters::grpc_web
