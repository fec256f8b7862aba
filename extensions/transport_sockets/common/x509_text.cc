#include "extensions/transport_sockets/common/x509_text.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/mem.h>
#include <openssl/nid.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <utility>

#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/time.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::seconds;

// BoringSSL's getters are older than const.
X509* mutableOf(const X509& certificate) {
  return const_cast<X509*>(&certificate);
}

std::span<const uint8_t> bytesOf(const ASN1_STRING* string) {
  return {ASN1_STRING_get0_data(string), static_cast<size_t>(ASN1_STRING_length(string))};
}

// Printable ASCII without spaces, or "": what is in a name goes to logs, headers and comparisons,
// and a NUL inside has fooled many.
std::string plainText(const ASN1_STRING* string) {
  std::string text;
  for (const uint8_t byte : bytesOf(string)) {
    if (byte <= 0x20 || byte >= 0x7f) return {};
    text.push_back(static_cast<char>(byte));
  }
  return text;
}

std::string ipText(const ASN1_STRING* string) {
  const auto bytes = bytesOf(string);
  char text[INET6_ADDRSTRLEN];
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  return inet_ntop(family, bytes.data(), text, sizeof text) != nullptr ? text : std::string();
}

void addName(const GENERAL_NAME& name, SubjectAltNames& names) {
  const auto add = [](std::vector<std::string>& list, std::string text) {
    if (!text.empty()) list.push_back(std::move(text));
  };
  switch (name.type) {
    case GEN_DNS:
      add(names.dns, base::lowered(plainText(name.d.dNSName)));
      break;
    case GEN_URI:
      add(names.uris, plainText(name.d.uniformResourceIdentifier));
      break;
    case GEN_EMAIL:
      add(names.emails, plainText(name.d.rfc822Name));
      break;
    case GEN_IPADD:
      add(names.ips, ipText(name.d.iPAddress));
      break;
    default:
      break;
  }
}

bool readDigits(std::string_view text, size_t at, size_t count, int& value) {
  value = 0;
  for (size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return false;
    value = value * 10 + (text[i] - '0');
  }
  return true;
}

// MMDDHHMMSSZ
std::optional<event::SystemTime> parseInYear(int year, std::string_view text) {
  int month;
  int day;
  int hour;
  int minute;
  int second;
  if (text.size() != 11 || text[10] != 'Z') return std::nullopt;
  if (!readDigits(text, 0, 2, month) || !readDigits(text, 2, 2, day) ||
      !readDigits(text, 4, 2, hour) || !readDigits(text, 6, 2, minute) ||
      !readDigits(text, 8, 2, second)) {
    return std::nullopt;
  }
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const auto since_epoch = std::chrono::sys_days(date).time_since_epoch() +
                           std::chrono::hours(hour) + std::chrono::minutes(minute) +
                           seconds(second);
  // The clock's range is narrower than the format's: 1677 to 2262 with nanoseconds. What ends later
  // ends as late as can be said.
  constexpr auto kFirst = std::chrono::ceil<seconds>(event::SystemTime::min().time_since_epoch());
  constexpr auto kLast = std::chrono::floor<seconds>(event::SystemTime::max().time_since_epoch());
  const seconds count = std::chrono::duration_cast<seconds>(since_epoch);
  return event::SystemTime(std::min(std::max(count, kFirst), kLast));
}

}  // namespace

SubjectAltNames subjectAltNames(const X509& certificate) {
  const ErrorQueueScope errors;
  SubjectAltNames names;
  bssl::UniquePtr<GENERAL_NAMES> list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
  if (list == nullptr) return names;
  for (size_t i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    addName(*sk_GENERAL_NAME_value(list.get(), i), names);
  }
  return names;
}

std::string nameText(const X509_NAME* name) {
  const ErrorQueueScope errors;
  bssl::UniquePtr<BIO> bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    return {};
  }
  const uint8_t* data = nullptr;
  size_t size = 0;
  if (BIO_mem_contents(bio.get(), &data, &size) != 1) return {};
  return std::string(reinterpret_cast<const char*>(data), size);
}

std::string subjectText(const X509& certificate) {
  return nameText(X509_get_subject_name(&certificate));
}

std::string issuerText(const X509& certificate) {
  return nameText(X509_get_issuer_name(&certificate));
}

std::string serialText(const X509& certificate) {
  return hexText(bytesOf(X509_get0_serialNumber(&certificate)));
}

std::string hexText(std::span<const uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

Sha256 sha256(std::span<const uint8_t> bytes) {
  Sha256 hash;
  SHA256(bytes.data(), bytes.size(), hash.data());
  return hash;
}

Sha256 certificateHash(const X509& certificate) {
  Sha256 hash{};
  unsigned size = 0;
  X509_digest(&certificate, EVP_sha256(), hash.data(), &size);
  return hash;
}

Sha256 publicKeyHash(const X509& certificate) {
  const ErrorQueueScope errors;
  uint8_t* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(mutableOf(certificate)), &der);
  if (size <= 0) return {};
  const Sha256 hash = sha256({der, static_cast<size_t>(size)});
  OPENSSL_free(der);
  return hash;
}

std::optional<event::SystemTime> parseGeneralizedTime(std::string_view text) {
  int year;
  if (text.size() != 15 || !readDigits(text, 0, 4, year)) return std::nullopt;
  return parseInYear(year, text.substr(4));
}

std::optional<event::SystemTime> parseUtcTime(std::string_view text) {
  int year;
  if (text.size() != 13 || !readDigits(text, 0, 2, year)) return std::nullopt;
  return parseInYear(year < 50 ? 2000 + year : 1900 + year, text.substr(2));
}

std::optional<event::SystemTime> systemTime(const ASN1_TIME* time) {
  if (time == nullptr) return std::nullopt;
  const auto bytes = bytesOf(time);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return ASN1_STRING_type(time) == V_ASN1_UTCTIME ? parseUtcTime(text) : parseGeneralizedTime(text);
}

std::string timeText(event::SystemTime time) {
  char text[base::kRfc3339Size];
  const std::string_view full = base::formatRfc3339(time, text);
  return base::concat(full.substr(0, 10), ' ', full.substr(11, 8), " UTC");
}

int64_t daysUntil(event::SystemTime end, event::SystemTime now) {
  return std::chrono::floor<std::chrono::days>(std::chrono::floor<seconds>(end) -
                                               std::chrono::floor<seconds>(now))
      .count();
}

bool selfSigned(X509& certificate) {
  const ErrorQueueScope errors;
  if (X509_NAME_cmp(X509_get_subject_name(&certificate), X509_get_issuer_name(&certificate)) != 0) {
    return false;
  }
  bssl::UniquePtr<EVP_PKEY> key(X509_get_pubkey(&certificate));
  return key != nullptr && X509_verify(&certificate, key.get()) == 1;
}

bool weaklySigned(const X509& certificate) {
  int digest = NID_undef;
  const int algorithm = X509_get_signature_nid(&certificate);
  if (OBJ_find_sigid_algs(algorithm, &digest, nullptr) != 1) return false;
  return digest == NID_sha1 || digest == NID_md5 || digest == NID_md4 || digest == NID_md5_sha1;
}

ErrorQueueScope::~ErrorQueueScope() {
  ERR_clear_error();
}

std::string takeSslError() {
  const uint32_t error = ERR_get_error();
  ERR_clear_error();
  const char* reason = error == 0 ? nullptr : ERR_reason_error_string(error);
  if (reason == nullptr) return {};
  std::string text = base::lowered(reason);
  std::replace(text.begin(), text.end(), '_', ' ');
  return text;
}

}  // namespace weir::extensions::transport_sockets
