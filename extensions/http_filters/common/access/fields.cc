#include "extensions/http_filters/common/access/fields.h"

#include <algorithm>
#include <array>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters {

std::string filterLabel(const std::string& stat_prefix, const config::CompileContext& context) {
  return stat_prefix.empty() ? std::string(context.listener_name) : stat_prefix;
}

network::Prefix readPrefix(const std::string& text, const config::Cursor& at) {
  const auto prefix = network::Prefix::parse(text);
  if (prefix.ok()) return *prefix;
  config::report(prefix.status(), at);
  return {};
}

void refuseInRoute(bool given, const config::Cursor& at) {
  if (given) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

std::string readFieldName(const std::string& name, const config::Cursor& at) {
  constexpr std::array<std::string_view, 9> kReserved = {
      "connection", "content-length",    "host",    "keep-alive", "proxy-connection",
      "te",         "transfer-encoding", "trailer", "upgrade"};
  std::string lower = base::lowered(name);
  if (lower.empty()) return lower;
  if (!http::isToken(lower)) {
    at.error(base::concat("\"", name, "\" is no name of a field"), "write one such as \"x-user\"");
  } else if (std::find(kReserved.begin(), kReserved.end(), lower) != kReserved.end()) {
    at.error(base::concat("\"", name, "\" frames messages or belongs to a connection"),
             "use another field");
  }
  return lower;
}

std::string readRealm(const std::string& realm, std::string_view fallback,
                      const config::Cursor& at) {
  constexpr size_t kMaxBytes = 256;
  const bool quotable = std::all_of(realm.begin(), realm.end(), [](char c) {
    return c >= ' ' && c <= '~' && c != '"' && c != '\\';
  });
  if (realm.size() > kMaxBytes || !quotable) {
    at.error("is too long or has characters that cannot be quoted",
             "at most 256 bytes of ASCII without quotes and backslashes");
  }
  return realm.empty() ? std::string(fallback) : realm;
}

uint16_t readErrorStatus(uint32_t status, uint16_t fallback, const config::Cursor& at) {
  return static_cast<uint16_t>(config::readNumberOr(status, fallback, {400, 599}, at));
}

bool loadFiles(FileReload::Options options, const config::Cursor& at,
               config::CompileContext& context) {
  const bool watch = !options.files.empty();
  auto reload = std::make_shared<FileReload>(std::move(options), context.stats);
  const absl::Status status = reload->loadNow();
  if (!status.ok()) {
    config::report(status, at);
    return false;
  }
  if (watch) context.main_parts.push_back(std::move(reload));
  return true;
}

}  // namespace weir::extensions::http_filters
