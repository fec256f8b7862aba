#include "extensions/http_filters/basic_auth/config.h"

#include <algorithm>
#include <utility>

#include "api/weir/extensions/http_filters/basic_auth/v1/basic_auth.pb.h"
#include "extensions/http_filters/basic_auth/basic_auth.h"
#include "extensions/http_filters/common/access/fields.h"
#include "source/base/concat.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

using config::Cursor;
using std::chrono::milliseconds;

constexpr size_t kMaxFileBytes = size_t{16} << 20;
constexpr uint64_t kDefaultWaiting = 64;

std::vector<std::string> readAllowed(const v1::BasicAuth& from) {
  std::vector<std::string> to(from.allowed_users().begin(), from.allowed_users().end());
  std::sort(to.begin(), to.end());
  return to;
}

UserTable readInline(const v1::BasicAuth& from, const Cursor& at) {
  UserTable to;
  for (int i = 0; i < from.users_size(); ++i) {
    const absl::Status status = to.add(from.users(i).name(), from.users(i).hash());
    if (!status.ok()) config::report(status, at.at("users", i));
  }
  return to;
}

bool readUsers(const v1::BasicAuth& from, const std::string& label, const Cursor& at,
               const std::shared_ptr<BasicAuthConfig>& to, config::CompileContext& context) {
  const Cursor here = at.field("users_file");
  std::vector<std::string> files;
  if (!from.users_file().empty()) files.push_back(here.resolvePath(from.users_file()));
  if (files.empty() && from.users_size() == 0) {
    at.error("has no users", "give it `users_file` or `users`");
    return false;
  }
  const auto load = [listed = readInline(from, at), files,
                     weak = std::weak_ptr<BasicAuthConfig>(to)]() -> absl::Status {
    auto users = std::make_shared<UserTable>(listed);
    for (const std::string& file : files) {
      const auto text = readSmallFile(file, kMaxFileBytes);
      if (!text.ok()) return text.status();
      const absl::Status status = users->addLines(file, *text);
      if (!status.ok()) return status;
      if (users->empty()) return fileError(file, 1, "has no users; write \"name:hash\"");
    }
    if (const auto target = weak.lock()) target->users.set(std::move(users));
    return {};
  };
  return loadFiles({.area = "basic_auth", .filter = label, .files = files, .load = load}, here,
                   context);
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> BasicAuthExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::BasicAuth&>(config);
  const size_t problems = at.diagnostics().list().size();
  const std::string label = filterLabel(from.stat_prefix(), context);
  auto to = std::make_shared<BasicAuthConfig>(config::readNumberOr(
      from.max_waiting_checks(), kDefaultWaiting, {1, 10'000}, at.field("max_waiting_checks")));
  to->realm = readRealm(from.realm(), to->realm, at.field("realm"));
  to->forward = from.forward();
  to->user_header = readFieldName(from.user_header(), at.field("user_header"));
  to->remember =
      config::readDuration(from.has_remember() ? &from.remember() : nullptr, to->remember,
                           {milliseconds(0), std::chrono::hours(1)}, at.field("remember"));
  to->allowed = readAllowed(from);
  readUsers(from, label, at, to, context);
  if (at.diagnostics().list().size() > problems) return nullptr;
  const auto counter = [&](std::string_view name, std::string_view help) {
    return context.stats.counter(name, help, {{"filter", label}});
  };
  const auto denied = [&](const char* reason) {
    return context.stats.counter("basic_auth_denied_total", "Requests refused, by reason.",
                                 {{"filter", label}, {"reason", reason}});
  };
  to->stats = {
      .allowed = counter("basic_auth_allowed_total", "Requests of users that may pass."),
      .missing = denied("missing"),
      .malformed = denied("malformed"),
      .wrong = denied("wrong"),
      .forbidden = denied("forbidden"),
      .busy = denied("busy"),
      .checked = counter("basic_auth_checks_total", "Passwords checked that were not remembered.")};
  return std::make_shared<BasicAuthFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> BasicAuthExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory&, const Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::BasicAuth&>(config);
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  refuseInRoute(from.users_size() > 0, at.field("users"));
  refuseInRoute(!from.users_file().empty(), at.field("users_file"));
  refuseInRoute(!from.realm().empty(), at.field("realm"));
  refuseInRoute(from.forward(), at.field("forward"));
  refuseInRoute(!from.user_header().empty(), at.field("user_header"));
  refuseInRoute(from.max_waiting_checks() > 0, at.field("max_waiting_checks"));
  refuseInRoute(from.has_remember(), at.field("remember"));
  auto to = std::make_shared<BasicAuthRoute>();
  to->allowed = readAllowed(from);
  return to;
}

}  // namespace weir::extensions::http_filters::basic_auth
