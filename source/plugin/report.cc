#include "source/plugin/report.h"

#include <charconv>
#include <optional>

#include "source/base/concat.h"

namespace weir::plugin {
namespace {

std::string bounded(std::string_view text) {
  return std::string(text.substr(0, Report::kMostBytes));
}

// "name" or "name[3]", in front of a dot or the end.
config::Cursor step(const config::Cursor& at, std::string_view word) {
  const size_t bracket = word.find('[');
  if (bracket == std::string_view::npos) return at.field(word);
  int index = 0;
  const char* const end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data() + bracket + 1, end, index);
  if (error != std::errc() || stop == end || *stop != ']' || index < 0) {
    return at.field(word.substr(0, bracket));
  }
  return at.at(word.substr(0, bracket), index);
}

config::Cursor below(config::Cursor at, std::string_view path) {
  while (!path.empty()) {
    const size_t dot = path.find('.');
    at = step(at, path.substr(0, dot));
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return at;
}

}  // namespace

void Report::add(std::string_view field, std::string_view what, std::string_view right) {
  if (findings_.size() >= kMost) return;
  findings_.push_back(
      {bounded(field), what.empty() ? "is refused" : bounded(what), bounded(right)});
}

std::string Report::text() const {
  std::string text;
  for (const Finding& finding : findings_) {
    text += base::concat(text.empty() ? "" : "; ", finding.field, finding.field.empty() ? "" : ": ",
                         finding.what, finding.right.empty() ? "" : "; ", finding.right);
  }
  return text;
}

void Report::reportAt(const config::Cursor& at) const {
  for (const Finding& finding : findings_)
    below(at, finding.field).error(finding.what, finding.right);
}

}  // namespace weir::plugin
