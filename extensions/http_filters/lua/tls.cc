#include <array>
#include <charconv>

#include "extensions/http_filters/lua/facts.h"
#include "source/lua/facts.h"
#include "source/network/transport_socket.h"

// The ssl connection object, and names of certificates.
namespace weir::extensions::http_filters::lua {
namespace {

using network::CertificateFacts;
using network::SecurityInfo;
using weir::lua::checkHandle;
using weir::lua::pushHandle;
using weir::lua::pushText;

const SecurityInfo& checkTls(lua_State* L) {
  return checkHandle<const SecurityInfo>(L, 1, kTlsType);
}

using Certificate = const CertificateFacts* (SecurityInfo::*)() const;
constexpr Certificate kPeer = &SecurityInfo::peerCertificate;
constexpr Certificate kLocal = &SecurityInfo::localCertificate;

int peerCertificatePresented(lua_State* L) {
  lua_pushboolean(L, checkTls(L).peerCertificate() != nullptr ? 1 : 0);
  return 1;
}

int peerCertificateValidated(lua_State* L) {
  lua_pushboolean(L, checkTls(L).peerVerified() ? 1 : 0);
  return 1;
}

// A text of a certificate; "" without one.
template <Certificate certificate, std::string CertificateFacts::*member>
int text(lua_State* L) {
  const CertificateFacts* const facts = (checkTls(L).*certificate)();
  pushText(L, facts == nullptr ? std::string_view() : std::string_view(facts->*member));
  return 1;
}

// A table of texts; empty without a certificate.
template <Certificate certificate, std::vector<std::string> CertificateFacts::*member>
int texts(lua_State* L) {
  const CertificateFacts* const facts = (checkTls(L).*certificate)();
  if (facts == nullptr) {
    lua_newtable(L);
  } else {
    weir::lua::pushTexts(L, facts->*member);
  }
  return 1;
}

template <std::chrono::system_clock::time_point CertificateFacts::*member>
int seconds(lua_State* L) {
  const CertificateFacts* const facts = checkTls(L).peerCertificate();
  const auto time = facts == nullptr ? std::chrono::system_clock::time_point() : facts->*member;
  const auto since = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch());
  lua_pushnumber(L, static_cast<lua_Number>(since.count()));
  return 1;
}

template <std::string_view (SecurityInfo::*kFact)() const>
int fact(lua_State* L) {
  pushText(L, (checkTls(L).*kFact)());
  return 1;
}

void pushPercentEncoded(lua_State* L, std::string_view from) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  luaL_Buffer to;
  luaL_buffinit(L, &to);
  for (const char c : from) {
    const auto byte = static_cast<unsigned char>(c);
    const bool unreserved = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                            (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
    if (unreserved) {
      luaL_addchar(&to, c);
    } else {
      luaL_addchar(&to, '%');
      luaL_addchar(&to, kHex[byte >> 4]);
      luaL_addchar(&to, kHex[byte & 15]);
    }
  }
  luaL_pushresult(&to);
}

int encodedPeer(lua_State* L) {
  const CertificateFacts* const facts = checkTls(L).peerCertificate();
  pushPercentEncoded(L, facts == nullptr ? std::string_view() : std::string_view(facts->pem));
  return 1;
}

int encodedPeerChain(lua_State* L) {
  pushPercentEncoded(L, checkTls(L).peerChainPem());
  return 1;
}

int ciphersuiteId(lua_State* L) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const uint16_t id = checkTls(L).cipherId();
  const std::array<char, 6> text = {
      '0', 'x', kHex[id >> 12], kHex[id >> 8 & 15], kHex[id >> 4 & 15], kHex[id & 15]};
  pushText(L, {text.data(), text.size()});
  return 1;
}

int parsedSubjectPeerCertificate(lua_State* L) {
  const SecurityInfo& security = checkTls(L);
  if (security.peerCertificate() == nullptr) return pushNil(L);
  const auto* const handle = static_cast<const weir::lua::Handle*>(lua_touserdata(L, 1));
  pushHandle(L, kParsedNameType, handle->object, *handle->scope);
  return 1;
}

constexpr luaL_Reg kMethods[] = {
    {"peerCertificatePresented", &peerCertificatePresented},
    {"peerCertificateValidated", &peerCertificateValidated},
    {"uriSanLocalCertificate", &texts<kLocal, &CertificateFacts::uris>},
    {"sha256PeerCertificateDigest", &text<kPeer, &CertificateFacts::sha256>},
    {"serialNumberPeerCertificate", &text<kPeer, &CertificateFacts::serial>},
    {"issuerPeerCertificate", &text<kPeer, &CertificateFacts::issuer>},
    {"subjectPeerCertificate", &text<kPeer, &CertificateFacts::subject>},
    {"parsedSubjectPeerCertificate", &parsedSubjectPeerCertificate},
    {"uriSanPeerCertificate", &texts<kPeer, &CertificateFacts::uris>},
    {"subjectLocalCertificate", &text<kLocal, &CertificateFacts::subject>},
    {"urlEncodedPemEncodedPeerCertificate", &encodedPeer},
    {"urlEncodedPemEncodedPeerCertificateChain", &encodedPeerChain},
    {"dnsSansPeerCertificate", &texts<kPeer, &CertificateFacts::dns_names>},
    {"dnsSansLocalCertificate", &texts<kLocal, &CertificateFacts::dns_names>},
    {"oidsPeerCertificate", &texts<kPeer, &CertificateFacts::oids>},
    {"oidsLocalCertificate", &texts<kLocal, &CertificateFacts::oids>},
    {"validFromPeerCertificate", &seconds<&CertificateFacts::not_before>},
    {"expirationPeerCertificate", &seconds<&CertificateFacts::not_after>},
    {"sessionId", &fact<&SecurityInfo::sessionId>},
    {"ciphersuiteId", &ciphersuiteId},
    {"ciphersuiteString", &fact<&SecurityInfo::cipherOpenSslName>},
    {"tlsVersion", &fact<&SecurityInfo::tlsVersion>},
    {nullptr, nullptr}};

// ---- names (RFC 2253: "CN=a\,b,O=Weir") ---------------------------------------------------------

// One attribute: what stands before "=", and behind it with its escapes.
struct Attribute {
  std::string_view name;
  std::string_view value;
};

// Takes the first one off `rest`. False: there is none.
bool takeAttribute(std::string_view& rest, Attribute& attribute) {
  const size_t equals = rest.find('=');
  if (equals == std::string_view::npos) return false;
  size_t end = equals + 1;
  while (end < rest.size() && rest[end] != ',' && rest[end] != '+') {
    end += rest[end] == '\\' ? 2 : 1;
  }
  end = std::min(end, rest.size());
  attribute = {rest.substr(0, equals), rest.substr(equals + 1, end - equals - 1)};
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return true;
}

int hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void pushUnescaped(lua_State* L, std::string_view value) {
  luaL_Buffer to;
  luaL_buffinit(L, &to);
  for (size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      luaL_addchar(&to, value[i]);
      continue;
    }
    const int high = hexDigit(value[i + 1]);
    const int low = i + 2 < value.size() ? hexDigit(value[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      luaL_addchar(&to, static_cast<char>(high << 4 | low));
      i += 2;
    } else {
      luaL_addchar(&to, value[++i]);
    }
  }
  luaL_pushresult(&to);
}

std::string_view checkName(lua_State* L) {
  const auto& security = checkHandle<const SecurityInfo>(L, 1, kParsedNameType);
  return security.peerCertificate()->subject;
}

int commonName(lua_State* L) {
  std::string_view rest = checkName(L);
  for (Attribute attribute; takeAttribute(rest, attribute);) {
    if (attribute.name != "CN") continue;
    pushUnescaped(L, attribute.value);
    return 1;
  }
  pushText(L, {});
  return 1;
}

int organizationName(lua_State* L) {
  std::string_view rest = checkName(L);
  lua_newtable(L);
  int count = 0;
  for (Attribute attribute; takeAttribute(rest, attribute);) {
    if (attribute.name != "O") continue;
    pushUnescaped(L, attribute.value);
    lua_rawseti(L, -2, ++count);
  }
  return 1;
}

constexpr luaL_Reg kNameMethods[] = {
    {"commonName", &commonName}, {"organizationName", &organizationName}, {nullptr, nullptr}};

}  // namespace

void installTls(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kTlsType, kMethods);
  defineHandle(L, state, kParsedNameType, kNameMethods);
}

}  // namespace weir::extensions::http_filters::lua
