#include "test/network/client_hello_builder.h"

#include <algorithm>

namespace weir::network::test {

std::string big16(size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value)};
}

std::string vector8(std::string_view bytes) {
  return std::string(1, static_cast<char>(bytes.size())).append(bytes);
}

std::string vector16(std::string_view bytes) {
  return big16(bytes.size()).append(bytes);
}

std::string extension(uint16_t type, std::string_view value) {
  return big16(type) + vector16(value);
}

std::string serverName(std::string_view name) {
  return extension(0, vector16(std::string(1, '\0') + vector16(name)));
}

std::string alpn(const std::vector<std::string>& protocols) {
  std::string list;
  for (const std::string& protocol : protocols) list += vector8(protocol);
  return extension(16, vector16(list));
}

std::string browserExtensions(std::string_view name, const std::vector<std::string>& protocols) {
  const std::string grease_share = big16(0x2a2a) + vector16(std::string(1, '\0'));
  const std::string hybrid_share = big16(0x11ec) + vector16(std::string(1216, 'k'));
  const std::string x25519_share = big16(29) + vector16(std::string(32, 'x'));
  return extension(0x1a1a, "") + serverName(name) + extension(23, "") +
         extension(10, vector16(big16(0x2a2a) + big16(0x11ec) + big16(29))) + alpn(protocols) +
         extension(51, vector16(grease_share + hybrid_share + x25519_share)) +
         extension(43, vector8(big16(0x3a3a) + big16(0x0304) + big16(0x0303))) +
         extension(0x4a4a, std::string(1, '\0'));
}

std::string helloMessage(std::string_view extensions) {
  const std::string body = big16(0x0303) + std::string(32, 'r') + vector8(std::string(32, 's')) +
                           vector16(big16(0x5a5a) + big16(0x1301) + big16(0xc02f)) +
                           vector8(std::string(1, '\0')) + vector16(extensions);
  return std::string("\x01", 1) + static_cast<char>(body.size() >> 16) + big16(body.size()) + body;
}

std::string inRecords(std::string_view message, size_t record_bytes) {
  std::string records;
  for (size_t at = 0; at < message.size(); at += record_bytes) {
    const std::string_view part = message.substr(at, record_bytes);
    records += std::string("\x16\x03\x01", 3) + vector16(part);
  }
  return records;
}

std::string clientHelloFor(std::string_view name, const std::vector<std::string>& protocols) {
  std::string extensions;
  if (!name.empty()) extensions += serverName(name);
  if (!protocols.empty()) extensions += alpn(protocols);
  return inRecords(helloMessage(extensions));
}

}  // namespace weir::network::test
