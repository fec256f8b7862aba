#include "extensions/stickiness/cookie/config.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "api/weir/extensions/stickiness/cookie/v1/cookie.pb.h"
#include "extensions/stickiness/cookie/cookie.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/fields.h"
#include "source/http/semantics.h"

namespace weir::extensions::stickiness::cookie {
namespace {

using config::Cursor;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMostNameBytes = 256;
constexpr size_t kMostPathBytes = 1024;
constexpr size_t kMostDomainBytes = 253;
constexpr size_t kLeastKeyBytes = 32;
constexpr size_t kMostKeyBytes = 1024;
constexpr int kMostKeys = 8;
constexpr std::array<std::string_view, 4> kOtherAttributes = {"Partitioned", "Priority=Low",
                                                              "Priority=Medium", "Priority=High"};

bool isPathText(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 0x7f && c != ';' && c != '"'; });
}

bool isDomainText(std::string_view text) {
  return http::isAuthority(text) && text.find(':') == std::string_view::npos &&
         text.find('[') == std::string_view::npos && text.find("..") == std::string_view::npos &&
         text.back() != '.';
}

void readName(const std::string& name, const Cursor& at, Attributes& to) {
  if (name.empty()) return;
  if (!http::isToken(name) || name.size() > kMostNameBytes) {
    at.error("is not a name that a cookie can have",
             base::concat("use at most ", kMostNameBytes,
                          " letters, digits and signs such as - and _, without spaces"));
  }
  to.name = name;
}

void readPath(const std::string& path, const Cursor& at, Attributes& to) {
  if (path.empty()) return;
  if (path.front() != '/' || !isPathText(path) || path.size() > kMostPathBytes) {
    at.error("is not a path that a cookie can have",
             "begin with \"/\", without spaces, semicolons and quotes, as in \"/shop\"");
  }
  to.path = path;
}

void readDomain(const std::string& domain, const Cursor& at, Attributes& to) {
  if (domain.empty()) return;
  if (domain.front() == '.') {
    at.error("begins with a dot, which browsers ignore", "leave the dot out");
  } else if (!isDomainText(domain) || domain.size() > kMostDomainBytes) {
    at.error("is not a domain", "use the name alone, as in \"example.com\"");
  }
  to.domain = domain;
}

seconds readTtl(const v1::Cookie& from, const Cursor& at) {
  const milliseconds ttl =
      config::readDuration(from.has_ttl() ? &from.ttl() : nullptr, seconds(3600),
                           {milliseconds(0), std::chrono::hours(24 * 400)}, at);
  if (ttl % seconds(1) != milliseconds(0)) {
    at.error("is not in whole seconds, which is what browsers take", "use 1 s or more, or 0 s");
  }
  return std::chrono::duration_cast<seconds>(ttl);
}

Attributes::SameSite readSameSite(v1::Cookie::SameSite from) {
  switch (from) {
    case v1::Cookie::SAME_SITE_LAX:
      return Attributes::SameSite::kLax;
    case v1::Cookie::SAME_SITE_STRICT:
      return Attributes::SameSite::kStrict;
    case v1::Cookie::SAME_SITE_NONE:
      return Attributes::SameSite::kNone;
    default:
      return Attributes::SameSite::kUnsaid;
  }
}

void readOthers(const v1::Cookie& from, const Cursor& at, Attributes& to) {
  for (int i = 0; i < from.attributes_size(); ++i) {
    const std::string& text = from.attributes(i);
    const Cursor here = at.at("attributes", i);
    if (std::find(kOtherAttributes.begin(), kOtherAttributes.end(), text) ==
        kOtherAttributes.end()) {
      here.error(base::concat("\"", text, "\" is not an attribute that may stand here"),
                 "use \"Partitioned\", \"Priority=Low\", \"Priority=Medium\" or \"Priority=High\"; "
                 "others have fields of their own");
    } else if (std::find(to.others.begin(), to.others.end(), text) != to.others.end()) {
      here.error(base::concat("\"", text, "\" is given twice"), "leave one out");
    } else if (base::startsWithIgnoreCase(text, "Partitioned") && !to.secure) {
      here.error("browsers take Partitioned only together with Secure", "add secure: true");
    }
    to.others.push_back(text);
  }
}

// What browsers refuse without a word (RFC 6265bis 4.1.3, 5.6).
void checkTogether(const Attributes& to, const Cursor& at) {
  if (to.same_site == Attributes::SameSite::kNone && !to.secure) {
    at.field("same_site")
        .error("browsers take SameSite=None only together with Secure", "add secure: true");
  }
  const bool host = base::startsWithIgnoreCase(to.name, "__Host-");
  const bool prefixed = host || base::startsWithIgnoreCase(to.name, "__Secure-");
  if (prefixed && !to.secure) {
    at.field("name").error("browsers take a name that begins like this only together with Secure",
                           "add secure: true, or use another name");
  }
  if (host && (to.path != "/" || !to.domain.empty())) {
    at.field("name").error(
        "browsers take a name that begins with __Host- only with the path \"/\" and no domain",
        "remove path and domain, or use another name");
  }
}

Attributes readAttributes(const v1::Cookie& from, const Cursor& at) {
  Attributes to;
  readName(from.name(), at.field("name"), to);
  to.ttl = readTtl(from, at.field("ttl"));
  readPath(from.path(), at.field("path"), to);
  readDomain(from.domain(), at.field("domain"), to);
  to.secure = from.secure();
  to.http_only = !from.has_http_only() || from.http_only();
  to.same_site = readSameSite(from.same_site());
  readOthers(from, at, to);
  checkTogether(to, at);
  return to;
}

std::string readKey(const std::string& file, const Cursor& at) {
  const size_t findings = at.diagnostics().list().size();
  std::string key = config::readFile(file, kMostKeyBytes + 2, at);
  if (at.diagnostics().list().size() != findings) return key;
  if (key.ends_with('\n')) key.pop_back();
  if (key.size() < kLeastKeyBytes || key.size() > kMostKeyBytes) {
    at.error(base::concat("has ", key.size() > kMostKeyBytes ? "more than " : "",
                          std::min(key.size(), kMostKeyBytes), " bytes; a key has ", kLeastKeyBytes,
                          " to ", kMostKeyBytes),
             "make one, as with: openssl rand -base64 48 > sticky.key");
  }
  return key;
}

std::vector<std::string> readKeys(const v1::Cookie& from, const Cursor& at) {
  std::vector<std::string> keys;
  if (from.key_files_size() == 0) {
    at.field("key_files")
        .error("a key is missing: without one anybody could name any endpoint",
               "add key_files: \"sticky.key\", made as with: openssl rand -base64 48 > sticky.key");
  } else if (from.key_files_size() > kMostKeys) {
    at.at("key_files", kMostKeys)
        .error(base::concat("there are more than ", kMostKeys, " keys"),
               "leave out those that were replaced longer ago than the ttl");
    return keys;
  }
  for (int i = 0; i < from.key_files_size(); ++i) {
    const Cursor here = at.at("key_files", i);
    if (!config::require(from.key_files(i), here)) continue;
    std::string key = readKey(from.key_files(i), here);
    const auto same = std::find(keys.begin(), keys.end(), key);
    if (same != keys.end() && !key.empty()) {
      here.error(base::concat("has the same key as key_files[", same - keys.begin(), "]"),
                 "leave one of them out");
    }
    keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

std::shared_ptr<const upstream::StickinessFactory> CookieExtension::compile(
    const google::protobuf::Message& config, const Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Cookie&>(config);
  Options options;
  options.attributes = readAttributes(from, at);
  options.keys = readKeys(from, at);
  options.cluster = std::string(context.cluster_name);
  options.pass_on = from.pass_on();
  options.allow_shared_caching = from.allow_shared_caching();
  if (options.keys.empty()) return nullptr;
  return std::make_shared<CookieFactory>(options);
}

}  // namespace weir::extensions::stickiness::cookie
