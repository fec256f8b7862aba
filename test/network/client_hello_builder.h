#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::network::test {

// Bytes of ClientHellos, right and wrong ones.

std::string big16(size_t value);
// A vector with its length in one or two bytes before it.
std::string vector8(std::string_view bytes);
std::string vector16(std::string_view bytes);
std::string extension(uint16_t type, std::string_view value);
std::string serverName(std::string_view name);
std::string alpn(const std::vector<std::string>& protocols);
// As a browser of 2024 writes it: GREASE at either end and a post-quantum key share.
std::string browserExtensions(std::string_view name, const std::vector<std::string>& protocols);

// The handshake message with its head; `extensions` one behind the other.
std::string helloMessage(std::string_view extensions);
// `message` in handshake records of at most `record_bytes` each.
std::string inRecords(std::string_view message, size_t record_bytes = 16384);
// All of it for one name.
std::string clientHelloFor(std::string_view name, const std::vector<std::string>& protocols = {});

}  // namespace weir::network::test
