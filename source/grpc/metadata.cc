#include "source/grpc/metadata.h"

#include <algorithm>
#include <array>

#include "absl/strings/escaping.h"

#include "source/base/ascii.h"
#include "source/base/concat.h"

namespace weir::grpc {
namespace {

constexpr std::string_view kDetailsName = "grpc-status-details-bin";

// Written by HTTP or by the call itself; in what comes back no business of the application's.
constexpr std::array<std::string_view, 12> kReserved = {
    "connection", "content-length",    "content-type", "host",    "keep-alive", "proxy-connection",
    "te",         "transfer-encoding", "trailer",      "upgrade", "user-agent", "date",
};

bool isReserved(std::string_view name) {
  return name.starts_with("grpc-") ||
         std::find(kReserved.begin(), kReserved.end(), name) != kReserved.end();
}

bool isName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
  });
}

bool isBinary(std::string_view name) {
  return name.ends_with("-bin");
}

bool isPrintable(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

bool decode(std::string_view encoded, std::string& bytes) {
  return absl::Base64Unescape(absl::string_view(encoded.data(), encoded.size()), &bytes);
}

// Several values may have been joined with commas on their way.
bool addBinary(std::string_view name, std::string_view list, Metadata& metadata) {
  while (true) {
    const size_t comma = list.find(',');
    std::string bytes;
    if (!decode(base::trimOws(list.substr(0, comma)), bytes)) return false;
    metadata.emplace_back(name, std::move(bytes));
    if (comma == std::string_view::npos) return true;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

std::string_view valueOf(const Metadata& metadata, std::string_view name) {
  for (const auto& [key, value] : metadata) {
    if (key == name) return value;
  }
  return {};
}

Status checkMetadata(const Metadata& metadata) {
  for (const auto& [name, value] : metadata) {
    if (!isName(name)) {
      return {Code::kInternal, base::concat("metadata name \"", absl::CEscape(name),
                                            "\" has other than lower-case letters, digits, _ - .")};
    }
    if (isReserved(name)) {
      return {Code::kInternal,
              base::concat("metadata name \"", name, "\" belongs to the protocol")};
    }
    if (!isBinary(name) && !isPrintable(value)) {
      return {Code::kInternal,
              base::concat("metadata value of \"", name,
                           "\" is not printable ASCII; bytes need a name that ends in -bin")};
    }
  }
  return {};
}

void writeMetadata(const Metadata& metadata, http::HeaderMap& headers) {
  for (const auto& [name, value] : metadata) {
    if (!isBinary(name)) {
      headers.add(name, base::trimOws(value));
      continue;
    }
    std::string encoded = absl::Base64Escape(value);
    encoded.erase(encoded.find_last_not_of('=') + 1);  // as the protocol asks of senders
    headers.add(name, encoded);
  }
}

bool readMetadata(const http::HeaderMap& headers, Metadata& metadata) {
  bool valid = true;
  headers.forEach([&](const http::HeaderMap::Field& field) {
    const std::string name = base::lowered(field.name);
    if (isReserved(name)) return;
    if (isBinary(name)) {
      valid = addBinary(name, field.value, metadata) && valid;
    } else {
      metadata.emplace_back(name, field.value);
    }
  });
  return valid;
}

Status readStatus(const http::HeaderMap& trailers) {
  const auto code = http::grpcStatusIn(trailers);
  if (!code.has_value()) {
    return {Code::kUnknown, trailers.has(http::kGrpcStatusName)
                                ? "the server's grpc-status is not a number"
                                : "the server ended the call without grpc-status"};
  }
  Status status{*code, http::decodeGrpcMessage(trailers.get(http::kGrpcMessageName))};
  if (!decode(trailers.get(kDetailsName), status.details)) status.details.clear();
  return status;
}

}  // namespace weir::grpc
