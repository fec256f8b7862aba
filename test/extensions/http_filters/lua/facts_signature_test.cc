// importPublicKey() and verifySignature().
#include <openssl/digest.h>
#include <openssl/evp.h>
#include <openssl/mem.h>
#include <openssl/x509.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/lua/lua_chain.h"
#include "test/support/test_certificates.h"

namespace weir::extensions::http_filters::lua {
namespace {

// As a string of Lua.
std::string luaText(std::string_view bytes) {
  std::string text = "'";
  for (const char c : bytes) {
    const std::string number = std::to_string(static_cast<unsigned char>(c));
    text += "\\" + std::string(3 - number.size(), '0') + number;
  }
  return text + "'";
}

std::string publicDer(EVP_PKEY* key) {
  uint8_t* bytes = nullptr;
  const int size = i2d_PUBKEY(key, &bytes);
  std::string der(reinterpret_cast<char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return der;
}

std::string sign(EVP_PKEY* key, const EVP_MD* hash, std::string_view data) {
  bssl::ScopedEVP_MD_CTX context;
  size_t size = 0;
  const auto* const bytes = reinterpret_cast<const uint8_t*>(data.data());
  EVP_DigestSignInit(context.get(), nullptr, hash, nullptr, key);
  EVP_DigestSign(context.get(), nullptr, &size, bytes, data.size());
  std::string signature(size, '\0');
  EVP_DigestSign(context.get(), reinterpret_cast<uint8_t*>(signature.data()), &size, bytes,
                 data.size());
  signature.resize(size);
  return signature;
}

class LuaSignature : public ::testing::Test {
 protected:
  std::string run(const std::string& body) {
    EXPECT_EQ(proxy_.load("local function f(handle) " + body +
                          " end\nfunction envoy_on_request(handle)\n"
                          "local good, a, b = pcall(f, handle)\n"
                          "handle:headers():add('r', tostring(good) .. '|' .. tostring(a) .. '|' "
                          ".. tostring(b)) end"),
              "");
    proxy_.request({}, true);
    std::string headers = proxy_.seen().headers;
    if (!headers.empty()) headers.pop_back();
    return headers;
  }
  LuaChain proxy_;
};

TEST_F(LuaSignature, VerifiesWhatTheKeyHasSigned) {
  for (const test::TestKey kind : {test::TestKey::kP256, test::TestKey::kRsa2048}) {
    const test::TestCertificate certificate = test::makeAuthority("root", kind);
    const std::string der = publicDer(certificate.key());
    const std::string signature = sign(certificate.key(), EVP_sha256(), "data");
    const std::string import = "local k = handle:importPublicKey(" + luaText(der) + ", " +
                               std::to_string(der.size()) + ") local s = " + luaText(signature);
    const auto verify = [&](const std::string& arguments) {
      return run(import + " return handle:verifySignature(" + arguments + ")");
    };
    EXPECT_EQ(verify("'sha256', k, s, #s, 'data', 4"), "r: true|true|");
    EXPECT_EQ(verify("'SHA256', k, s, #s, 'data and more', 4"), "r: true|true|");
    EXPECT_EQ(verify("'SHA256', k, s, #s, 'dato', 4"),
              "r: true|false|the signature is not that of the data");
    EXPECT_EQ(verify("'SHA512', k, s, #s, 'data', 4"),
              "r: true|false|the signature is not that of the data");
    EXPECT_EQ(verify("'SHA256', k, s, #s - 1, 'data', 4"),
              "r: true|false|the signature is not that of the data");
    EXPECT_EQ(verify("'MD5', k, s, #s, 'data', 4"),
              "r: true|false|the hash is none of SHA1, SHA224, SHA256, SHA384 and SHA512");
    EXPECT_EQ(verify("'SHA256', nil, s, #s, 'data', 4"), "r: true|false|there is no public key");
    EXPECT_THAT(verify("'SHA256', k, s, #s + 1, 'data', 4"), ::testing::HasSubstr("r: false|"));
    EXPECT_THAT(verify("'SHA256', k, s, -1, 'data', 4"), ::testing::HasSubstr("r: false|"));
    EXPECT_THAT(verify("'SHA256', handle, s, #s, 'data', 4"), ::testing::HasSubstr("r: false|"));
    EXPECT_THAT(verify("'SHA256', 'key', s, #s, 'data', 4"), ::testing::HasSubstr("r: false|"));
  }
}

TEST_F(LuaSignature, RefusesWhatIsNoKey) {
  const std::string der = publicDer(test::makeAuthority("root").key());
  const std::string_view none = "r: true|nil|this is no public key in DER form";
  EXPECT_EQ(run("return handle:importPublicKey('', 0)"), none);
  EXPECT_EQ(run("return handle:importPublicKey('hello', 5)"), none);
  EXPECT_EQ(run("return handle:importPublicKey(" + luaText(der) + ", 10)"), none);
  EXPECT_EQ(run("return handle:importPublicKey(" + luaText(der + "x") + ")"), none);
  EXPECT_EQ(run("return handle:importPublicKey(('x'):rep(100000), 100000)"), none);
  EXPECT_THAT(run("return handle:importPublicKey('a', 2)"), ::testing::HasSubstr("r: false|"));
}

// A key may be kept, and outlives its stream.
TEST_F(LuaSignature, KeysLast) {
  const test::TestCertificate certificate = test::makeAuthority("root");
  const std::string signature = sign(certificate.key(), EVP_sha256(), "d");
  ASSERT_EQ(
      proxy_.load("local k\nfunction envoy_on_request(handle)\nlocal s = " + luaText(signature) +
                  "\nk = k or handle:importPublicKey(" + luaText(publicDer(certificate.key())) +
                  ")\nhandle:headers():add('r', tostring(handle:verifySignature('sha256', k, "
                  "s, #s, 'd', 1)))\nend"),
      "");
  for (int i = 0; i < 3; ++i) {
    proxy_.request({}, true);
    EXPECT_EQ(proxy_.seen().headers, "r: true\n");
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::lua
