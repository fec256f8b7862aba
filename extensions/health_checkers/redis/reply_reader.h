#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::extensions::health_checkers::redis {

// One reply of a Redis server, of the kinds that are a single line (RESP2 and RESP3 alike). Value.
struct Reply {
  enum class Kind : uint8_t {
    kStatus,    // +PONG
    kError,     // -LOADING Redis is loading the dataset in memory
    kInteger,   // :0
    kMalformed  // anything else, or a line that is too long
  };
  Kind kind = Kind::kMalformed;
  std::string_view text = {};  // without kind and line end; until the reader is used again
};

// Reads replies from what comes, in whatever pieces. Main-thread only.
class ReplyReader {
 public:
  static constexpr size_t kMostLineBytes = 1024;  // with kind and line end

  // Takes from the front of `data` to the end of the next reply, or all of it. True: there is one.
  // Nothing is to be read after one that is malformed.
  bool read(std::string_view& data, Reply& reply);
  void clear();

 private:
  std::string line_;  // of the reply that has begun
  bool complete_ = false;
};

}  // namespace weir::extensions::health_checkers::redis
