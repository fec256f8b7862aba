#include "extensions/transport_sockets/common/certificate_set.h"

#include <openssl/ssl.h>

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"

namespace weir::extensions::transport_sockets {
namespace {

constexpr size_t kMaxName = 253;  // RFC 1035, 2.3.4

// The name in lower case without its last dot, in `space`; "" when it cannot be one.
std::string_view normalised(std::string_view name, std::span<char, kMaxName> space) {
  if (name.ends_with('.')) name.remove_suffix(1);
  if (name.size() > kMaxName) return {};
  std::transform(name.begin(), name.end(), space.begin(), [](char c) { return base::toLower(c); });
  return {space.data(), name.size()};
}

// What follows the first label; "" when there is nothing.
std::string_view parentOf(std::string_view name) {
  const size_t dot = name.find('.');
  return dot == std::string_view::npos || dot == 0 ? std::string_view() : name.substr(dot + 1);
}

}  // namespace

void KeyKinds::addSignatureScheme(uint16_t scheme) {
  switch (scheme) {
    case SSL_SIGN_ECDSA_SECP256R1_SHA256:
      return add(KeyKind::kEcdsaP256);
    case SSL_SIGN_ECDSA_SECP384R1_SHA384:
      return add(KeyKind::kEcdsaP384);
    case SSL_SIGN_ECDSA_SECP521R1_SHA512:
      return add(KeyKind::kEcdsaP521);
    case SSL_SIGN_ED25519:
      return add(KeyKind::kEd25519);
    case SSL_SIGN_RSA_PSS_RSAE_SHA256:
    case SSL_SIGN_RSA_PSS_RSAE_SHA384:
    case SSL_SIGN_RSA_PSS_RSAE_SHA512:
    case SSL_SIGN_RSA_PKCS1_SHA256:
    case SSL_SIGN_RSA_PKCS1_SHA384:
    case SSL_SIGN_RSA_PKCS1_SHA512:
      return add(KeyKind::kRsa);
    default:
      return;
  }
}

void CertificateSet::Choice::offer(KeyKind kind, int index) {
  int& place = by_kind[static_cast<size_t>(kind)];
  if (place == kNone) place = index;
}

// Kinds are declared best first.
int CertificateSet::Choice::best(KeyKinds client) const {
  for (size_t kind = 0; kind < kKeyKinds; ++kind) {
    if (by_kind[kind] != kNone && client.has(static_cast<KeyKind>(kind))) return by_kind[kind];
  }
  return kNone;
}

int CertificateSet::Choice::any() const {
  return best(KeyKinds::all());
}

CertificateSet::CertificateSet(std::vector<ServedCertificate> certificates)
    : certificates_(std::move(certificates)) {
  for (size_t i = 0; i < certificates_.size(); ++i) index(static_cast<int>(i));
  buildDefault();
}

void CertificateSet::index(int index) {
  const CertificatePair& pair = *certificates_[static_cast<size_t>(index)].pair;
  for (const std::string& name : pair.dnsNames()) {
    const bool wildcard = name.starts_with("*.") && name.size() > 2;
    auto& map = wildcard ? wildcard_ : exact_;
    map[wildcard ? name.substr(2) : name].offer(pair.keyKind(), index);
  }
}

// The first, and of other kinds the first that shares a name with it.
void CertificateSet::buildDefault() {
  const CertificatePair& first = *certificates_.front().pair;
  default_.offer(first.keyKind(), 0);
  for (size_t i = 1; i < certificates_.size(); ++i) {
    const CertificatePair& other = *certificates_[i].pair;
    const auto& names = other.dnsNames();
    const bool shared =
        std::any_of(first.dnsNames().begin(), first.dnsNames().end(), [&](const std::string& name) {
          return std::find(names.begin(), names.end(), name) != names.end();
        });
    if (shared) default_.offer(other.keyKind(), static_cast<int>(i));
  }
}

CertificateSet::Found CertificateSet::find(std::string_view server_name) const {
  std::array<char, kMaxName> space;
  const std::string_view name = normalised(server_name, space);
  if (name.empty()) return {};
  const auto exact = exact_.find(name);
  const auto wildcard = wildcard_.find(parentOf(name));
  return {exact == exact_.end() ? nullptr : &exact->second,
          wildcard == wildcard_.end() ? nullptr : &wildcard->second};
}

const ServedCertificate& CertificateSet::select(std::string_view server_name,
                                                KeyKinds client) const {
  const Found found = find(server_name);
  int fallback = Choice::kNone;
  for (const Choice* choice : {found.exact, found.wildcard}) {
    if (choice == nullptr) continue;
    const int best = choice->best(client);
    if (best != Choice::kNone) return certificates_[static_cast<size_t>(best)];
    if (fallback == Choice::kNone) fallback = choice->any();
  }
  if (fallback == Choice::kNone) fallback = default_.best(client);
  if (fallback == Choice::kNone) fallback = 0;
  return certificates_[static_cast<size_t>(fallback)];
}

bool CertificateSet::covers(std::string_view server_name) const {
  const Found found = find(server_name);
  return found.exact != nullptr || found.wildcard != nullptr;
}

}  // namespace weir::extensions::transport_sockets
