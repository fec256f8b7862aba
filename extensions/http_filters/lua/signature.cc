#include <openssl/bytestring.h>
#include <openssl/digest.h>
#include <openssl/err.h>
#include <openssl/evp.h>

#include <cstring>

#include "extensions/http_filters/lua/facts.h"
#include "source/base/ascii.h"
#include "source/network/address.h"

// importPublicKey(), verifySignature().
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::checkHandle;
using weir::lua::checkText;
using weir::lua::Handle;
using weir::lua::pushText;
using weir::lua::raise;

// What a public key is to a script: its DER form, read again for every use, so that Lua's collector
// knows all the memory that it takes. Begins with a handle, as every userdata does.
struct Key {
  Handle handle;
  size_t size;
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(this + 1); }
};

constexpr size_t kMaxKeyBytes = 8192;

// SubjectPublicKeyInfo with nothing behind it, else null.
EVP_PKEY* parseKey(const uint8_t* bytes, size_t size) {
  CBS der;
  CBS_init(&der, bytes, size);
  EVP_PKEY* const key = EVP_parse_public_key(&der);
  ERR_clear_error();
  if (key != nullptr && CBS_len(&der) != 0) {
    EVP_PKEY_free(key);
    return nullptr;
  }
  return key;
}

// The text at `index`, as long as the number behind it says.
std::string_view checkSized(lua_State* L, int index) {
  const std::string_view text = checkText(L, index);
  if (lua_isnoneornil(L, index + 1)) return text;
  const lua_Integer size = luaL_checkinteger(L, index + 1);
  if (size < 0 || static_cast<size_t>(size) > text.size()) {
    raise(L, "the length is not between 0 and that of the string");
  }
  return text.substr(0, static_cast<size_t>(size));
}

int importPublicKey(lua_State* L) {
  checkStream(L);
  const std::string_view der = checkSized(L, 2);
  const auto* const bytes = reinterpret_cast<const uint8_t*>(der.data());
  EVP_PKEY* const parsed = der.size() > kMaxKeyBytes ? nullptr : parseKey(bytes, der.size());
  if (parsed == nullptr) {
    lua_pushnil(L);
    pushText(L, "this is no public key in DER form");
    return 2;
  }
  EVP_PKEY_free(parsed);
  auto* const key = static_cast<Key*>(lua_newuserdata(L, sizeof(Key) + der.size()));
  key->handle = {&kPublicKeyType, key, nullptr, 0};
  key->size = der.size();
  std::memcpy(key + 1, der.data(), der.size());
  lua_rawgeti(L, LUA_REGISTRYINDEX, weir::lua::stateOf(L).metatable(kPublicKeyType));
  lua_setmetatable(L, -2);
  return 1;
}

const EVP_MD* hashNamed(std::string_view name) {
  struct Hash {
    std::string_view name;
    const EVP_MD* (*get)();
  };
  constexpr Hash kHashes[] = {{"sha1", &EVP_sha1},
                              {"sha224", &EVP_sha224},
                              {"sha256", &EVP_sha256},
                              {"sha384", &EVP_sha384},
                              {"sha512", &EVP_sha512}};
  for (const Hash& hash : kHashes) {
    if (base::equalsIgnoreCase(name, hash.name)) return hash.get();
  }
  return nullptr;
}

// Null, or why not.
const char* verify(const EVP_MD* hash, const Key& key, std::string_view signature,
                   std::string_view data) {
  const bssl::UniquePtr<EVP_PKEY> parsed(parseKey(key.bytes(), key.size));
  bssl::ScopedEVP_MD_CTX context;
  const bool ready = parsed != nullptr &&
                     EVP_DigestVerifyInit(context.get(), nullptr, hash, nullptr, parsed.get()) == 1;
  const bool good =
      ready && EVP_DigestVerify(context.get(), reinterpret_cast<const uint8_t*>(signature.data()),
                                signature.size(), reinterpret_cast<const uint8_t*>(data.data()),
                                data.size()) == 1;
  ERR_clear_error();
  if (!ready) return "the key cannot verify signatures of that hash";
  return good ? nullptr : "the signature is not that of the data";
}

int verifySignature(lua_State* L) {
  checkStream(L);
  const std::string_view name = checkText(L, 2);
  const Key* const key =
      lua_isnoneornil(L, 3) ? nullptr : &checkHandle<const Key>(L, 3, kPublicKeyType);
  const std::string_view signature = checkSized(L, 4);
  const std::string_view data = checkSized(L, 6);
  const EVP_MD* const hash = hashNamed(name);
  const char* wrong = nullptr;
  if (hash == nullptr) {
    wrong = "the hash is none of SHA1, SHA224, SHA256, SHA384 and SHA512";
  } else if (key == nullptr) {
    wrong = "there is no public key";
  } else {
    wrong = verify(hash, *key, signature, data);
  }
  lua_pushboolean(L, wrong == nullptr ? 1 : 0);
  pushText(L, wrong == nullptr ? "" : wrong);
  return 2;
}

constexpr luaL_Reg kNoMethods[] = {{nullptr, nullptr}};

}  // namespace

void addSignatureMethods(Methods& methods) {
  methods.insert(methods.end(),
                 {{"importPublicKey", &importPublicKey}, {"verifySignature", &verifySignature}});
}

void installSignatures(lua_State* L, weir::lua::State& state) {
  defineHandle(L, state, kPublicKeyType, kNoMethods);
}

bool isIpOrAddress(std::string_view text) {
  if (text.starts_with("unix:") || text.find('/') != std::string_view::npos) return false;
  return network::Address::parse(text).ok() || network::Prefix::parse(text).ok();
}

}  // namespace weir::extensions::http_filters::lua
