#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace weir::http {

// Reads percent-encoded text byte by byte, decoded. What is no valid escape stands for itself, as
// does "+". Worker-confined.
class PercentDecoder {
 public:
  explicit PercentDecoder(std::string_view text) : text_(text) {}
  bool done() const { return at_ == text_.size(); }
  char next();  // unless done()

 private:
  std::string_view text_;
  size_t at_ = 0;
};

// The value of the first query parameter of that name in a request's target, still encoded; empty
// without "=". `name` is plain text: "a[]" also finds "a%5B%5D". Parameters are separated by "&".
std::optional<std::string_view> queryValue(std::string_view target, std::string_view name);

}  // namespace weir::http
