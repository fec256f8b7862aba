#include "source/http/http2/priority.h"

namespace weir::http::http2 {
namespace {

bool isKeyStart(char c) {
  return (c >= 'a' && c <= 'z') || c == '*';
}

bool isKeyChar(char c) {
  return isKeyStart(c) || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

// Reads a dictionary of structured fields (RFC 8941 3.2), as far as Priority needs it.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool read(Priority& priority) {
    skipSpaces();
    while (!text_.empty()) {
      if (!readMember(priority)) return false;
      skipSpaces();
      if (text_.empty()) return true;
      if (!take(',')) return false;
      skipSpaces();
      if (text_.empty()) return false;  // a comma at the end
    }
    return true;
  }

 private:
  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void skipSpaces() {
    while (take(' ') || take('\t')) {
    }
  }
  std::string_view takeUntil(std::string_view ends) {
    const std::string_view token = text_.substr(0, text_.find_first_of(ends));
    text_.remove_prefix(token.size());
    return token;
  }
  bool readKey(std::string_view& key) {
    if (text_.empty() || !isKeyStart(text_.front())) return false;
    size_t size = 1;
    while (size < text_.size() && isKeyChar(text_[size])) ++size;
    key = text_.substr(0, size);
    text_.remove_prefix(size);
    return true;
  }
  bool readMember(Priority& priority) {
    std::string_view key;
    if (!readKey(key)) return false;
    std::string_view value = "?1";
    if (take('=')) {
      value = readValue();
      if (value.empty()) return false;
    }
    // Parameters have no meaning here.
    while (take(';')) {
      skipSpaces();
      std::string_view parameter;
      if (!readKey(parameter)) return false;
      if (take('=') && readValue().empty()) return false;
    }
    if (key == "u" && value.size() == 1 && value[0] >= '0' && value[0] <= '7') {
      priority.urgency = static_cast<uint8_t>(value[0] - '0');
    } else if (key == "i" && (value == "?1" || value == "?0")) {
      priority.incremental = value == "?1";
    }
    return true;
  }
  // Of members that are not known, only where they end matters.
  std::string_view readValue() {
    if (text_.empty()) return {};
    if (text_.front() != '"' && text_.front() != '(') return takeUntil(",; \t");
    const char end = text_.front() == '"' ? '"' : ')';
    size_t size = 1;
    while (size < text_.size() && text_[size] != end) size += text_[size] == '\\' ? 2 : 1;
    if (size >= text_.size()) return {};
    const std::string_view value = text_.substr(0, size + 1);
    text_.remove_prefix(size + 1);
    return value;
  }

  std::string_view text_;
};

}  // namespace

bool mergePriority(std::string_view value, Priority& priority) {
  Priority merged = priority;
  if (!Reader(value).read(merged)) return false;
  priority = merged;
  return true;
}

}  // namespace weir::http::http2
