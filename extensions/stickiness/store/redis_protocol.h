#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include "source/buffer/buffer.h"

struct redisReader;

namespace weir::extensions::stickiness::store {

// One answer of a Redis server. Value; `text` is good until the next one is read.
struct RedisReply {
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
class RedisReader {
 public:
  static constexpr size_t kMaxReply = 4096;

  RedisReader();
  ~RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;

  enum class Result : uint8_t { kReply, kMore, kBroken };
  // Gives bytes to be read. After kBroken nothing more may be given.
  void feed(std::string_view bytes);
  // The next answer; kMore: there is none until there are more bytes.
  Result next(RedisReply& reply);
  // Why it is broken.
  std::string problem() const;

 private:
  struct Functions;

  redisReader* reader_;  // null: no memory
  RedisReply reply_;
  std::string text_;
  bool too_long_ = false;
  bool array_ = false;
};

// Writes one command as a server reads it.
void appendRedisCommand(buffer::Buffer& to, std::initializer_list<std::string_view> words);

}  // namespace weir::extensions::stickiness::store
