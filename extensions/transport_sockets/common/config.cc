#include "extensions/transport_sockets/common/config.h"

#include <utility>

#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/base/time.h"
#include "source/config/fields.h"

namespace weir::extensions::transport_sockets {
namespace {

using common::v1::PeerName;

constexpr uint64_t kMaxDepth = 16;
constexpr size_t kMaxProtocolBytes = 255;

uint16_t versionOf(common::v1::TlsVersion version, uint16_t fallback) {
  switch (version) {
    case common::v1::TLS_1_2:
      return TLS1_2_VERSION;
    case common::v1::TLS_1_3:
      return TLS1_3_VERSION;
    default:
      return fallback;
  }
}

struct Rule {
  SanMatcher::Type type;
  SanMatcher::Match match;
  const std::string* value;
  std::string_view field;
};

// nullptr value: none was given.
Rule ruleOf(const PeerName& from) {
  using Type = SanMatcher::Type;
  using Match = SanMatcher::Match;
  switch (from.rule_case()) {
    case PeerName::kDns:
      return {Type::kDns, Match::kExact, &from.dns(), "dns"};
    case PeerName::kDnsSuffix:
      return {Type::kDns, Match::kSuffix, &from.dns_suffix(), "dns_suffix"};
    case PeerName::kDnsWildcard:
      return {Type::kDns, Match::kWildcard, &from.dns_wildcard(), "dns_wildcard"};
    case PeerName::kUri:
      return {Type::kUri, Match::kExact, &from.uri(), "uri"};
    case PeerName::kUriPrefix:
      return {Type::kUri, Match::kPrefix, &from.uri_prefix(), "uri_prefix"};
    case PeerName::kEmail:
      return {Type::kEmail, Match::kExact, &from.email(), "email"};
    case PeerName::kEmailSuffix:
      return {Type::kEmail, Match::kSuffix, &from.email_suffix(), "email_suffix"};
    case PeerName::kIp:
      return {Type::kIp, Match::kExact, &from.ip(), "ip"};
    case PeerName::RULE_NOT_SET:
      break;
  }
  return {Type::kDns, Match::kExact, nullptr, ""};
}

config::Cursor placeOf(const MaterialProblem& problem, const MaterialPlaces& places) {
  switch (problem.part) {
    case MaterialProblem::Part::kCertificate:
      return places.certificate(problem.index).field("certificate_file");
    case MaterialProblem::Part::kKey:
      return places.certificate(problem.index).field("private_key_file");
    case MaterialProblem::Part::kOcsp:
      return places.certificate(problem.index).field("ocsp_file");
    case MaterialProblem::Part::kCa:
      return places.trust().at("ca_files", static_cast<int>(problem.index));
    case MaterialProblem::Part::kCrl:
      return places.trust().at("crl_files", static_cast<int>(problem.index));
    case MaterialProblem::Part::kSystemTrust:
      return places.trust();
    case MaterialProblem::Part::kTickets:
      return places.tickets();
  }
  return places.trust();
}

}  // namespace

TlsVersions readVersions(common::v1::TlsVersion least, common::v1::TlsVersion most,
                         const config::Cursor& at) {
  const TlsVersions versions = {.least = versionOf(least, TLS1_2_VERSION),
                                .most = versionOf(most, TLS1_3_VERSION)};
  if (versions.least > versions.most) {
    at.field("min_version").error("is above max_version", "leave one of them out");
  }
  return versions;
}

CertificateFiles readCertificateFiles(const common::v1::CertificateFiles& from,
                                      const config::Cursor& at) {
  const auto path = [&](const std::string& text, std::string_view field) {
    return text.empty() ? std::string() : at.field(field).resolvePath(text);
  };
  config::require(from.certificate_file(), at.field("certificate_file"),
                  "name a PEM file with the certificate and those that issued it");
  config::require(from.private_key_file(), at.field("private_key_file"),
                  "name a PEM file with the private key");
  return {.certificate = path(from.certificate_file(), "certificate_file"),
          .key = path(from.private_key_file(), "private_key_file"),
          .ocsp = path(from.ocsp_file(), "ocsp_file")};
}

PeerPolicy readPeerPolicy(const google::protobuf::RepeatedPtrField<common::v1::PeerName>& names,
                          const google::protobuf::RepeatedPtrField<std::string>& sha256,
                          const google::protobuf::RepeatedPtrField<std::string>& public_key_sha256,
                          const config::Cursor& at) {
  PeerPolicy policy;
  for (int i = 0; i < names.size(); ++i) {
    const config::Cursor here = at.at("names", i);
    const Rule rule = ruleOf(names[i]);
    if (rule.value == nullptr) {
      here.error("says no name", "give one such as dns: \"shop.example\"");
      continue;
    }
    auto matcher = SanMatcher::create(rule.type, rule.match, *rule.value);
    if (matcher.ok()) {
      policy.names.push_back(*std::move(matcher));
    } else {
      config::report(matcher.status(), here.field(rule.field));
    }
  }
  const auto hashes = [&](const auto& from, std::string_view field, auto parse, auto& to) {
    for (int i = 0; i < from.size(); ++i) {
      const auto hash = parse(from[i]);
      if (hash.ok()) {
        to.push_back(*hash);
      } else {
        config::report(hash.status(), at.at(field, i));
      }
    }
  };
  hashes(sha256, "sha256", parseCertificateHash, policy.certificate_hashes);
  hashes(public_key_sha256, "public_key_sha256", parsePublicKeyHash, policy.public_key_hashes);
  return policy;
}

std::vector<std::string> readPaths(const google::protobuf::RepeatedPtrField<std::string>& from,
                                   std::string_view field, const config::Cursor& at) {
  std::vector<std::string> paths;
  for (int i = 0; i < from.size(); ++i) {
    const config::Cursor here = at.at(field, i);
    config::require(from[i], here, "name a file");
    paths.push_back(here.resolvePath(from[i]));
  }
  return paths;
}

int readDepth(uint32_t max_depth, const config::Cursor& at) {
  constexpr uint64_t kDefault = 8;
  return static_cast<int>(config::readNumberOr(max_depth, kDefault, {1, kMaxDepth}, at));
}

std::vector<std::string> readAlpn(const google::protobuf::RepeatedPtrField<std::string>& from,
                                  const config::Cursor& at) {
  std::vector<std::string> protocols;
  for (int i = 0; i < from.size(); ++i) {
    if (from[i].empty() || from[i].size() > kMaxProtocolBytes) {
      at.at("alpn", i).error("is no application protocol", "write one such as \"http/1.1\"");
      continue;
    }
    protocols.push_back(from[i]);
  }
  return protocols;
}

std::shared_ptr<MaterialStore> loadMaterial(const MaterialFiles& files,
                                            const MaterialPlaces& places) {
  std::vector<MaterialProblem> problems;
  std::vector<std::string> warnings;
  auto store = MaterialStore::load(files, base::wallClock(), problems, warnings);
  for (const MaterialProblem& problem : problems) {
    config::report(problem.status, placeOf(problem, places));
  }
  for (const std::string& warning : warnings) base::log::warning("tls", warning);
  return store;
}

}  // namespace weir::extensions::transport_sockets
