#include "tools/benchmark/client/http_answer.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace weir::benchmark {
namespace {

constexpr size_t kMaxHead = 64 * 1024;
constexpr std::string_view kOk = "HTTP/1.1 200 ";
constexpr std::string_view kHeadEnd = "\r\n\r\n";
constexpr std::string_view kLength = "\r\ncontent-length:";

bool sameIgnoringCase(char a, char b) {
  return std::tolower(static_cast<unsigned char>(a)) == std::tolower(static_cast<unsigned char>(b));
}

bool readLength(std::string_view head, uint64_t& out) {
  const auto* found =
      std::search(head.begin(), head.end(), kLength.begin(), kLength.end(), sameIgnoringCase);
  if (found == head.end()) return false;
  const char* begin = found + kLength.size();
  while (*begin == ' ') ++begin;  // a CR follows at the latest
  const auto [rest, error] = std::from_chars(begin, head.data() + head.size(), out);
  return error == std::errc() && *rest == '\r';
}

}  // namespace

HttpAnswer::State HttpAnswer::add(std::string_view bytes) {
  if (!in_body_) {
    head_.append(bytes);
    return readHead();
  }
  if (bytes.size() > body_left_) return State::kWrong;
  body_left_ -= bytes.size();
  return body_left_ == 0 ? State::kWhole : State::kMore;
}

HttpAnswer::State HttpAnswer::readHead() {
  const size_t end = head_.find(kHeadEnd);
  if (end == std::string::npos) return head_.size() > kMaxHead ? State::kWrong : State::kMore;
  const size_t size = end + kHeadEnd.size();
  if (!head_.starts_with(kOk) || !readLength(std::string_view(head_).substr(0, size), body_left_)) {
    return State::kWrong;
  }
  in_body_ = true;
  return add(std::string_view(head_).substr(size));
}

void HttpAnswer::reset() {
  head_.clear();
  in_body_ = false;
  body_left_ = 0;
}

}  // namespace weir::benchmark
