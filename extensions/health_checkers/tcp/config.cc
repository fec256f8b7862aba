#include "extensions/health_checkers/tcp/config.h"

#include <string>
#include <string_view>
#include <utility>

#include "api/weir/extensions/health_checkers/tcp/v1/tcp.pb.h"
#include "extensions/health_checkers/tcp/tcp.h"
#include "source/base/concat.h"
#include "source/config/fields.h"

namespace weir::extensions::health_checkers::tcp {
namespace {

constexpr size_t kMostBytes = 4096;
constexpr int kMostExpectations = 16;

int digitOf(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Empty when it is no such form, or has nothing.
std::string fromHex(std::string_view text) {
  std::string bytes;
  size_t at = 0;
  while (at < text.size()) {
    if (text[at] == ' ') {
      ++at;
      continue;
    }
    const int high = digitOf(text[at]);
    const int low = at + 1 < text.size() ? digitOf(text[at + 1]) : -1;
    if (high < 0 || low < 0) return {};
    bytes += static_cast<char>(high * 16 + low);
    at += 2;
  }
  return bytes;
}

// Empty when it is not right.
std::string readBytes(const v1::Bytes& from, const config::Cursor& at) {
  std::string bytes;
  config::Cursor here = at;
  switch (from.form_case()) {
    case v1::Bytes::FORM_NOT_SET:
      at.error("has no bytes", "give text or hex");
      return {};
    case v1::Bytes::kText:
      here = at.field("text");
      bytes = from.text();
      config::require(bytes, here, "leave it out when there is nothing to say");
      break;
    case v1::Bytes::kHex:
      here = at.field("hex");
      bytes = fromHex(from.hex());
      if (bytes.empty()) {
        here.error("is not in hexadecimal digits, two for each byte",
                   "write such as \"50 49 4e 47 0d 0a\"");
      }
      break;
  }
  if (bytes.size() > kMostBytes) {
    here.error(base::concat("is of ", bytes.size(), " bytes"),
               base::concat("it must be of at most ", kMostBytes));
  }
  return bytes;
}

}  // namespace

std::shared_ptr<const upstream::HealthCheckerFactory> TcpCheckExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::TcpCheck&>(config);
  const size_t before = at.diagnostics().list().size();
  auto options = std::make_shared<TcpOptions>();
  if (from.has_send()) options->send = readBytes(from.send(), at.field("send"));
  if (from.expect_size() > kMostExpectations) {
    at.at("expect", kMostExpectations)
        .error(base::concat("at most ", kMostExpectations, " can be expected"),
               "join those that follow one another");
  }
  for (int i = 0; i < from.expect_size(); ++i) {
    std::string bytes = readBytes(from.expect(i), at.at("expect", i));
    if (!bytes.empty()) options->expect.emplace_back(std::move(bytes));
  }
  if (at.diagnostics().list().size() > before) return nullptr;
  return std::make_shared<TcpCheckerFactory>(std::move(options));
}

}  // namespace weir::extensions::health_checkers::tcp
