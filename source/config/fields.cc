#include "source/config/fields.h"

#include <google/protobuf/duration.pb.h>

#include <filesystem>
#include <fstream>
#include <system_error>

#include "source/base/concat.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr int64_t kNanosPerSecond = 1'000'000'000;
constexpr int64_t kNanosPerMillisecond = 1'000'000;
constexpr int64_t kMostSeconds = 315'576'000'000;  // what protobuf allows: 10 000 years

std::string rangeText(DurationRange range) {
  return base::concat("it must be ", durationText(range.least), " to ", durationText(range.most));
}

}  // namespace

uint64_t readNumber(uint64_t value, NumberRange range, const Cursor& at) {
  if (value >= range.least && value <= range.most) return value;
  at.error(base::concat(value, " is out of range"),
           base::concat("it must be ", range.least, " to ", range.most));
  return range.least;
}

uint64_t readNumberOr(uint64_t value, uint64_t fallback, NumberRange range, const Cursor& at) {
  return value == 0 ? fallback : readNumber(value, range, at);
}

std::chrono::milliseconds readDuration(const google::protobuf::Duration* value,
                                       milliseconds fallback, DurationRange range,
                                       const Cursor& at) {
  if (value == nullptr) return fallback;
  const int64_t seconds = value->seconds();
  const int64_t nanos = value->nanos();
  if (seconds < 0 || nanos < 0) {
    at.error("a duration cannot be negative", rangeText(range));
    return fallback;
  }
  if (nanos >= kNanosPerSecond || seconds > kMostSeconds) {
    at.error("is no duration", "nanos must be 0 to 999999999, the rest stands in seconds");
    return fallback;
  }
  const milliseconds result(seconds * 1000 + nanos / kNanosPerMillisecond);
  if (result.count() == 0 && nanos > 0) {
    at.error("is shorter than 1 ms", rangeText(range));
    return fallback;
  }
  if (result >= range.least && result <= range.most) return result;
  at.error(base::concat(durationText(result), " is out of range"), rangeText(range));
  return fallback;
}

std::string durationText(milliseconds value) {
  const int64_t ms = value.count();
  if (ms == 0) return "0 s";
  if (ms % 3'600'000 == 0) return base::concat(ms / 3'600'000, " h");
  if (ms % 60'000 == 0) return base::concat(ms / 60'000, " min");
  if (ms < 1000) return base::concat(ms, " ms");
  if (ms % 1000 == 0) return base::concat(ms / 1000, " s");
  return base::concat(static_cast<double>(ms) / 1000, " s");
}

bool require(std::string_view text, const Cursor& at, std::string_view remedy) {
  if (!text.empty()) return true;
  at.error("is required", std::string(remedy));
  return false;
}

std::string readFile(std::string_view name, size_t most_bytes, const Cursor& at) {
  if (!require(name, at, "name a file")) return {};
  const std::string path = at.resolvePath(name);
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    at.error(base::concat("cannot read \"", path,
                          "\": ", error ? error.message() : std::string("not a regular file")),
             "relative paths start at the folder of the configuration file");
    return {};
  }
  std::string content(most_bytes + 1, '\0');
  std::ifstream file(path, std::ios::binary);
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  content.resize(static_cast<size_t>(file.gcount()));
  if (file.bad() || !(file.eof() || content.size() > most_bytes)) {
    at.error(base::concat("cannot read \"", path, "\""), "check its permissions");
  }
  return content;
}

void report(const absl::Status& status, const Cursor& at) {
  const std::string_view message = base::view(status.message());
  const size_t border = message.find("; ");
  if (border == std::string_view::npos) {
    at.error(std::string(message));
  } else {
    at.error(std::string(message.substr(0, border)), std::string(message.substr(border + 2)));
  }
}

network::Address readAddress(std::string_view text, bool allow_port_zero, const Cursor& at) {
  if (!require(text, at, "write \"127.0.0.1:80\", \"[::1]:80\" or \"unix:/path\"")) return {};
  const auto address = network::Address::parse(text, allow_port_zero);
  if (address.ok()) return *address;
  report(address.status(), at);
  return {};
}

void checkFolderExists(std::string_view path, const Cursor& at) {
  std::filesystem::path folder = std::filesystem::path(path).parent_path();
  if (folder.empty()) folder = ".";
  std::error_code error;
  if (std::filesystem::is_directory(folder, error)) return;
  at.error(base::concat("there is no folder \"", folder.string(), "\""), "create it first");
}

void checkUnique(const std::string& name, int index, std::map<std::string, int>& names,
                 std::string_view kind, const Cursor& at) {
  if (name.empty()) return;
  const auto [entry, added] = names.emplace(name, index);
  if (added) return;
  at.error(base::concat("there is another ", kind, " \"", name, "\""),
           base::concat("the first is number ", entry->second + 1, ", each needs its own"));
}

}  // namespace weir::config
