#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/matchers.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/network/cidr_set.h"

namespace weir::router {

// Where a client is.
struct SourceCondition {
  network::CidrSet prefixes = {};
  bool invert = false;
  bool direct = false;    // the peer of the socket
  std::string text = {};  // the prefixes, for people
};

// What is known of a client's TLS.
struct TlsCondition {
  std::optional<bool> secured = {};
  std::optional<bool> certificate_presented = {};
  std::optional<bool> certificate_validated = {};
  std::vector<std::string> server_names = {};  // lower case; "*.shop.example" is all below
  std::vector<http::TextMatcher> subject_alt_names = {};  // of a validated certificate
};

// On one value of the dynamic metadata.
struct MetadataCondition {
  std::string name_space;
  std::vector<std::string> path;               // not empty
  std::optional<http::TextMatcher> text = {};  // none of these three: it is there
  std::optional<double> number = {};
  std::optional<bool> boolean = {};
  bool invert = false;

  bool holds(const http::StreamInfo& info) const;
  std::string describe() const;
};

// What a route asks for beside the path; all must hold. Immutable.
struct RouteConditions {
  std::vector<std::string> methods = {};  // any of these; empty: all
  std::vector<http::HeaderMatcher> headers = {};
  std::vector<http::ParameterMatcher> query = {};
  std::vector<http::ParameterMatcher> cookies = {};
  std::optional<SourceCondition> source = {};
  std::optional<TlsCondition> tls = {};
  std::optional<bool> grpc = {};
  std::vector<MetadataCondition> metadata = {};
  std::optional<http::Fraction> fraction = {};
  uint64_t salt = 0;  // of the route, so that each draws for itself; RouteTable::compile gives it

  // Does not allocate.
  bool hold(const http::RequestHead& head, const http::StreamInfo& info) const;
  // The first that does not, in words; empty: all hold.
  std::string firstFailure(const http::RequestHead& head, const http::StreamInfo& info) const;
};

}  // namespace weir::router
