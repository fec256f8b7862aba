#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "source/base/arena.h"
#include "source/base/ascii.h"
#include "source/http/header_map.h"

namespace weir::http {

enum class Version : uint8_t { kHttp10, kHttp11, kHttp2 };
std::string_view versionText(Version version);  // "HTTP/1.1"

// How a message's body is delimited, or announced.
enum class BodyFraming : uint8_t {
  kNone,           // no body
  kContentLength,  // content_length bytes
  kChunked,
  kUntilClose,  // responses only
  kTunnel,      // after an upgrade or CONNECT: raw bytes both ways
};

// Head of a request. Views live in `arena` (or are static) until clear(). Worker-confined; reused.
struct RequestHead {
  base::Arena arena;
  std::string_view method;
  std::string_view scheme;     // "http", "https"
  std::string_view authority;  // Host / :authority, never empty for HTTP/1.1
  std::string_view
      path;  // origin-form target with query ("/a?b"), "*" for OPTIONS *, empty for CONNECT
  Version version = Version::kHttp11;
  BodyFraming framing = BodyFraming::kNone;
  uint64_t content_length = 0;
  bool expects_continue = false;
  std::string_view upgrade;  // the protocol asked for by Upgrade (or :protocol); empty: none
  HeaderMap headers{arena};  // Host is among them for HTTP/1

  bool isHead() const { return base::isExactly(method, "HEAD"); }
  bool isConnect() const { return base::isExactly(method, "CONNECT"); }
  std::string_view pathWithoutQuery() const {
    size_t end = 0;  // cheaper than find_first_of for paths of usual length
    while (end < path.size() && path[end] != '?' && path[end] != '#') ++end;
    return {path.data(), end};
  }
  void clear();
};

// Head of a response, interim or final.
struct ResponseHead {
  base::Arena arena;
  uint16_t status = 0;
  std::string_view reason;  // empty: the standard phrase is written
  Version version = Version::kHttp11;
  BodyFraming framing = BodyFraming::kNone;
  uint64_t content_length = 0;
  HeaderMap headers{arena};

  void clear();
};

// Standard reason phrase of RFC 9110 15, "" when unknown.
std::string_view reasonPhrase(uint16_t status);

}  // namespace weir::http
