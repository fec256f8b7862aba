#include "extensions/health_checkers/grpc/config.h"

#include <map>
#include <utility>

#include "api/weir/extensions/health_checkers/grpc/v1/grpc.pb.h"
#include "extensions/health_checkers/grpc/grpc.h"
#include "source/base/concat.h"
#include "source/http/semantics.h"

namespace weir::extensions::health_checkers::grpc {
namespace {

constexpr size_t kMaxServiceBytes = 1024;
constexpr size_t kMaxMetadata = 64;
constexpr size_t kMaxMetadataBytes = 8192;

weir::grpc::Metadata readMetadata(const v1::Grpc& from, const config::Cursor& at) {
  const std::map<std::string, std::string> sorted(from.metadata().begin(), from.metadata().end());
  weir::grpc::Metadata metadata;
  size_t bytes = 0;
  for (const auto& [name, value] : sorted) {
    const weir::grpc::Status status = weir::grpc::checkMetadata({{name, value}});
    if (!status.ok()) at.error(status.message, "gRPC allows no other");
    bytes += name.size() + value.size();
    metadata.emplace_back(name, value);
  }
  if (metadata.size() > kMaxMetadata || bytes > kMaxMetadataBytes) {
    at.error(base::concat(metadata.size(), " names, ", bytes, " bytes in all"),
             base::concat("at most ", kMaxMetadata, " names and ", kMaxMetadataBytes, " bytes"));
  }
  return metadata;
}

}  // namespace

std::shared_ptr<const upstream::HealthCheckerFactory> GrpcExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& from = static_cast<const v1::Grpc&>(config);
  const size_t problems = at.diagnostics().list().size();
  if (from.service().size() > kMaxServiceBytes) {
    at.field("service").error(base::concat(from.service().size(), " bytes"),
                              base::concat("use at most ", kMaxServiceBytes));
  }
  if (!from.authority().empty() && !http::isAuthority(from.authority())) {
    at.field("authority")
        .error(base::concat("\"", from.authority(), "\" is no host name"),
               "write one such as \"shop.example\" or \"shop.example:50051\"");
  }
  GrpcOptions options{.service = from.service(),
                      .authority = from.authority(),
                      .metadata = readMetadata(from, at.field("metadata")),
                      .unimplemented_is_healthy = from.unimplemented_is_healthy()};
  if (at.diagnostics().list().size() > problems) return nullptr;
  return std::make_shared<GrpcCheck>(std::move(options));
}

}  // namespace weir::extensions::health_checkers::grpc
