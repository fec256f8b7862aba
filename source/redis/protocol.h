#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

#include "source/buffer/buffer.h"

struct redisReader;

namespace weir::redis {

// One answer of a Redis server. Value; `text` is good until the next one is read.
struct Reply {
  enum class Kind : uint8_t {
    kNil,
    kStatus,  // "+OK"
    kError,   // "-ERR …", without the "-"
    kText,
    kInteger
  };
  Kind kind = Kind::kNil;
  std::string_view text = {};
  int64_t integer = 0;
};

// Takes apart what a server sends (RESP2). Answers that nobody here asks for are refused, so that a
// server cannot make it keep much: arrays, and anything longer than kMaxReply. Worker-confined.
class Reader {
 public:
  static constexpr size_t kMaxReply = 4096;

  Reader();
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  enum class Result : uint8_t { kReply, kMore, kBroken };
  // Gives bytes to be read. After kBroken nothing more may be given.
  void feed(std::string_view bytes);
  // The next answer; kMore: there is none until there are more bytes.
  Result next(Reply& reply);
  // Why it is broken.
  std::string problem() const;

 private:
  struct Functions;

  redisReader* reader_;  // null: no memory
  Reply reply_;
  std::string text_;
  bool too_long_ = false;
  bool array_ = false;
};

// Writes one command as a server reads it.
void appendCommand(buffer::Buffer& to, std::span<const std::string_view> words);
inline void appendCommand(buffer::Buffer& to, std::initializer_list<std::string_view> words) {
  appendCommand(to, std::span(words.begin(), words.size()));
}

}  // namespace weir::redis
