#include "extensions/health_checkers/redis/config.h"

#include <string>
#include <string_view>
#include <utility>

#include "api/weir/extensions/health_checkers/redis/v1/redis.pb.h"
#include "extensions/health_checkers/redis/redis.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::health_checkers::redis {
namespace {

constexpr size_t kMostBytes = 512;

void checkSize(std::string_view text, const config::Cursor& at) {
  if (text.size() <= kMostBytes) return;
  at.error("is too long", base::concat("it must be of at most ", kMostBytes, " bytes"));
}

std::string readPassword(const std::string& file, const config::Cursor& at) {
  const size_t before = at.diagnostics().list().size();
  std::string password = config::readFile(file, kMostBytes + 2, at);
  if (at.diagnostics().list().size() > before) return {};
  if (password.ends_with("\r\n")) {
    password.resize(password.size() - 2);
  } else if (password.ends_with('\n')) {
    password.pop_back();
  }
  if (password.empty()) at.error("has no password in it", "write the password into the file");
  checkSize(password, at);
  return password;
}

}  // namespace

std::shared_ptr<const upstream::HealthCheckerFactory> RedisCheckExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::RedisCheck&>(config);
  const size_t before = at.diagnostics().list().size();
  RedisOptions options;
  options.key = from.key();
  options.username = from.username();
  checkSize(options.key, at.field("key"));
  checkSize(options.username, at.field("username"));
  if (!from.password_file().empty()) {
    options.password = readPassword(from.password_file(), at.field("password_file"));
  } else if (!options.username.empty()) {
    at.field("username").error("given without password_file", "name the file with the password");
  }
  if (at.diagnostics().list().size() > before) return nullptr;
  return std::make_shared<RedisCheckerFactory>(std::move(options));
}

}  // namespace weir::extensions::health_checkers::redis
