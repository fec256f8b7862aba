#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::benchmark {

// Worker-confined. Reads one HTTP/1.1 answer with a Content-Length and looks at no more of it than
// tells whether it is a 200 and whole.
class HttpAnswer {
 public:
  enum class State { kMore, kWhole, kWrong };

  // Takes the next bytes. kWrong: not a 200, no Content-Length, or bytes after its end.
  State add(std::string_view bytes);

  void reset();

 private:
  State readHead();

  std::string head_;  // until it is complete
  bool in_body_ = false;
  uint64_t body_left_ = 0;
};

}  // namespace weir::benchmark
