#pragma once

#include <optional>
#include <string_view>

#include "source/base/arena.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::grpc_web {

// A content type of gRPC-Web (github.com/grpc/grpc, doc/PROTOCOL-WEB.md).
struct GrpcWebType {
  bool text = false;        // application/grpc-web-text: base64
  std::string_view format;  // "+proto", or empty; a view into what was parsed
};

// In any case, with or without parameters; nullopt: something else.
std::optional<GrpcWebType> parseGrpcWebType(std::string_view content_type);
// The "+proto" of a gRPC content type.
std::string_view grpcFormat(std::string_view content_type);

// "application/grpc" and the format.
std::string_view grpcType(std::string_view format, base::Arena& arena);
std::string_view grpcWebType(const GrpcWebType& type, base::Arena& arena);

// Whether the client wants its answer as text: as the first gRPC-Web type of Accept says, else as
// it asked.
bool wantsText(const http::HeaderMap& request, const GrpcWebType& asked);

}  // namespace weir::extensions::http_filters::grpc_web
