#include "source/router/route_conditions.h"

#include <algorithm>
#include <variant>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/hash.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/grpc_semantics.h"
#include "source/http/metadata.h"
#include "source/network/transport_socket.h"

namespace weir::router {
namespace {

using http::MetadataValue;

const network::Address* sourceOf(const SourceCondition& condition, const http::StreamInfo& info) {
  return condition.direct ? info.downstream_direct : info.downstream_remote;
}

bool holds(const SourceCondition& condition, const http::StreamInfo& info) {
  const network::Address* const address = sourceOf(condition, info);
  return (address != nullptr && condition.prefixes.contains(*address)) != condition.invert;
}

bool isServerName(const std::string& domain, std::string_view name) {
  if (!domain.starts_with("*.")) return name == domain;
  const std::string_view suffix = std::string_view(domain).substr(1);
  return name.size() > suffix.size() && name.ends_with(suffix);
}

bool hasServerName(const TlsCondition& condition, std::string_view name) {
  return std::any_of(condition.server_names.begin(), condition.server_names.end(),
                     [&](const std::string& domain) { return isServerName(domain, name); });
}

bool hasAltName(const TlsCondition& condition, const network::CertificateFacts& certificate) {
  const auto one = [&](const std::string& name) {
    return std::any_of(condition.subject_alt_names.begin(), condition.subject_alt_names.end(),
                       [&](const http::TextMatcher& matcher) { return matcher.matches(name); });
  };
  const auto any = [&](const std::vector<std::string>& names) {
    return std::any_of(names.begin(), names.end(), one);
  };
  return any(certificate.dns_names) || any(certificate.uris) || any(certificate.emails) ||
         any(certificate.ip_addresses);
}

std::string listOf(const std::vector<std::string>& texts) {
  std::string list;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) list += i + 1 == texts.size() ? " or " : ", ";
    list += texts[i];
  }
  return list;
}

// The first that does not hold, as static text but for the names; null: all do.
const char* failure(const TlsCondition& condition, const http::StreamInfo& info) {
  const network::SecurityInfo* const tls = info.downstream_tls;
  if (condition.secured && *condition.secured != (tls != nullptr)) {
    return *condition.secured ? "the connection is not secured by TLS"
                              : "the connection is secured by TLS";
  }
  const network::CertificateFacts* const certificate =
      tls == nullptr ? nullptr : tls->peerCertificate();
  if (condition.certificate_presented &&
      *condition.certificate_presented != (certificate != nullptr)) {
    return *condition.certificate_presented ? "the client has presented no certificate"
                                            : "the client has presented a certificate";
  }
  const bool validated = certificate != nullptr && tls->peerVerified();
  if (condition.certificate_validated && *condition.certificate_validated != validated) {
    return *condition.certificate_validated ? "the client has no certificate that was validated"
                                            : "the client's certificate was validated";
  }
  if (!condition.server_names.empty() && !hasServerName(condition, info.requested_server_name)) {
    return "the server name is not among tls.server_names";
  }
  if (!condition.subject_alt_names.empty() &&
      (!validated || !hasAltName(condition, *certificate))) {
    return "no alternative name of a validated certificate is among tls.subject_alt_names";
  }
  return nullptr;
}

bool fulfils(const MetadataCondition& condition, bool value) {
  if (condition.boolean) return *condition.boolean == value;
  return !condition.text && !condition.number;
}
bool fulfils(const MetadataCondition& condition, double value) {
  if (condition.number) return *condition.number == value;
  return !condition.text && !condition.boolean;
}
bool fulfils(const MetadataCondition& condition, std::string_view value) {
  if (condition.text) return condition.text->matches(value);
  return !condition.number && !condition.boolean;
}

bool fulfils(const MetadataCondition& condition, const MetadataValue& value) {
  switch (value.kind) {
    case MetadataValue::Kind::kNull:
      return false;
    case MetadataValue::Kind::kBool:
      return fulfils(condition, value.flag);
    case MetadataValue::Kind::kNumber:
      return fulfils(condition, value.number);
    case MetadataValue::Kind::kText:
      return fulfils(condition, value.text);
    case MetadataValue::Kind::kList:
    case MetadataValue::Kind::kStruct:
      break;
  }
  return !condition.text && !condition.number && !condition.boolean;
}

struct Fulfils {
  const MetadataCondition& condition;
  template <class T>
  bool operator()(const T& value) const {
    return condition.path.size() == 1 && fulfils(condition, value);
  }
  bool operator()(const MetadataValue* value) const {
    for (size_t i = 1; value != nullptr && i < condition.path.size(); ++i) {
      value = value->find(condition.path[i]);
    }
    return value != nullptr && fulfils(condition, *value);
  }
};

bool inFraction(const RouteConditions& conditions, const http::StreamInfo& info) {
  return conditions.fraction->takes(base::mix64(info.draw ^ conditions.salt));
}

}  // namespace

bool MetadataCondition::holds(const http::StreamInfo& info) const {
  bool fulfilled = false;
  if (info.dynamic_metadata != nullptr) {
    const auto* value = info.dynamic_metadata->find(name_space, path.front());
    fulfilled = value != nullptr && std::visit(Fulfils{*this}, *value);
  }
  return fulfilled != invert;
}

std::string MetadataCondition::describe() const {
  std::string text_of = invert ? "not: metadata " : "metadata ";
  text_of += name_space;
  for (const std::string& name : path) text_of += base::concat(".", name);
  if (text) return base::concat(text_of, " ", text->describe());
  if (number) return base::concat(text_of, " is ", *number);
  if (boolean) return base::concat(text_of, *boolean ? " is true" : " is false");
  return text_of + " is there";
}

bool RouteConditions::hold(const http::RequestHead& head, const http::StreamInfo& info) const {
  const auto isMethod = [&](const std::string& method) { return method == head.method; };
  if (!methods.empty() && std::none_of(methods.begin(), methods.end(), isMethod)) return false;
  if (grpc && *grpc != http::isGrpc(head.headers)) return false;
  for (const http::HeaderMatcher& matcher : headers) {
    if (!matcher.matches(head)) return false;
  }
  for (const http::ParameterMatcher& matcher : query) {
    if (!matcher.matchesQuery(head.path)) return false;
  }
  for (const http::ParameterMatcher& matcher : cookies) {
    if (!matcher.matchesCookie(head.headers)) return false;
  }
  if (source && !holds(*source, info)) return false;
  if (tls && failure(*tls, info) != nullptr) return false;
  for (const MetadataCondition& condition : metadata) {
    if (!condition.holds(info)) return false;
  }
  return !fraction || inFraction(*this, info);
}

std::string RouteConditions::firstFailure(const http::RequestHead& head,
                                          const http::StreamInfo& info) const {
  const auto isMethod = [&](const std::string& method) { return method == head.method; };
  if (!methods.empty() && std::none_of(methods.begin(), methods.end(), isMethod)) {
    return base::concat("the method is not ", listOf(methods));
  }
  if (grpc && *grpc != http::isGrpc(head.headers)) {
    return *grpc ? "the request is no gRPC call" : "the request is a gRPC call";
  }
  for (const http::HeaderMatcher& matcher : headers) {
    if (!matcher.matches(head)) return base::concat("does not hold: ", matcher.describe());
  }
  for (const http::ParameterMatcher& matcher : query) {
    if (!matcher.matchesQuery(head.path)) {
      return base::concat("does not hold: query parameter ", matcher.describe());
    }
  }
  for (const http::ParameterMatcher& matcher : cookies) {
    if (!matcher.matchesCookie(head.headers)) {
      return base::concat("does not hold: cookie ", matcher.describe());
    }
  }
  if (source && !holds(*source, info)) {
    const network::Address* const address = sourceOf(*source, info);
    return base::concat("the client's address ", address == nullptr ? "" : address->ip(),
                        source->invert ? " is in " : " is not in ", source->text);
  }
  if (tls) {
    if (const char* const text = failure(*tls, info); text != nullptr) return text;
  }
  for (const MetadataCondition& condition : metadata) {
    if (!condition.holds(info)) return base::concat("does not hold: ", condition.describe());
  }
  if (fraction && !inFraction(*this, info)) {
    return base::concat("chance has left this request out (the route takes ",
                        static_cast<double>(fraction->millionths) / 10'000, " %)");
  }
  return {};
}

}  // namespace weir::router
