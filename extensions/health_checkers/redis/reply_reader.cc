#include "extensions/health_checkers/redis/reply_reader.h"

#include <algorithm>
#include <utility>

namespace weir::extensions::health_checkers::redis {
namespace {

// A sign and digits, as many as 64 bits have at most.
bool isInteger(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return !text.empty() && text.size() <= 19 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// `line` without its end.
Reply parse(std::string_view line) {
  if (line.empty() || line.find('\r') != std::string_view::npos) return {};
  const std::string_view text = line.substr(1);
  switch (line.front()) {
    case '+':
      return {Reply::Kind::kStatus, text};
    case '-':
      return {Reply::Kind::kError, text};
    case ':':
      return isInteger(text) ? Reply{Reply::Kind::kInteger, text} : Reply{};
    default:
      return {};
  }
}

}  // namespace

void ReplyReader::clear() {
  line_ = std::string();
  complete_ = false;
}

bool ReplyReader::read(std::string_view& data, Reply& reply) {
  if (std::exchange(complete_, false)) line_.clear();
  const size_t room = kMostLineBytes - line_.size();
  const size_t end = data.substr(0, room).find('\n');
  const size_t taken = end != std::string_view::npos ? end + 1 : std::min(room, data.size());
  line_.append(data.substr(0, taken));
  data.remove_prefix(taken);
  if (end == std::string_view::npos && line_.size() < kMostLineBytes) return false;
  complete_ = true;
  reply = {};
  std::string_view line = line_;
  if (!line.ends_with("\r\n")) return true;
  line.remove_suffix(2);
  reply = parse(line);
  return true;
}

}  // namespace weir::extensions::health_checkers::redis
