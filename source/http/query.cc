#include "source/http/query.h"

namespace weir::http {
namespace {

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool decodesTo(std::string_view encoded, std::string_view text) {
  PercentDecoder decoder(encoded);
  for (const char c : text) {
    if (decoder.done() || decoder.next() != c) return false;
  }
  return decoder.done();
}

}  // namespace

char PercentDecoder::next() {
  const char c = text_[at_++];
  if (c != '%' || at_ + 2 > text_.size()) return c;
  const int high = hexValue(text_[at_]);
  const int low = hexValue(text_[at_ + 1]);
  if (high < 0 || low < 0) return c;
  at_ += 2;
  return static_cast<char>(high << 4 | low);
}

std::optional<std::string_view> queryValue(std::string_view target, std::string_view name) {
  const size_t begin = target.find('?');
  if (begin == std::string_view::npos) return std::nullopt;
  std::string_view left = target.substr(begin + 1);
  left = left.substr(0, left.find('#'));
  while (!left.empty()) {
    const size_t end = left.find('&');
    const std::string_view pair = left.substr(0, end);
    left = end == std::string_view::npos ? std::string_view() : left.substr(end + 1);
    const size_t equals = pair.find('=');
    if (!decodesTo(pair.substr(0, equals), name)) continue;
    return equals == std::string_view::npos ? std::string_view() : pair.substr(equals + 1);
  }
  return std::nullopt;
}

}  // namespace weir::http
