#include "extensions/http_filters/grpc_json_transcoder/config.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/weir/extensions/http_filters/grpc_json_transcoder/v1/grpc_json_transcoder.pb.h"
#include "extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"
#include "source/base/concat.h"
#include "source/config/extension_types.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

constexpr size_t kMaxDescriptorSetBytes = 32 * 1024 * 1024;
constexpr config::NumberRange kMessageBytes{1024, 64 * 1024 * 1024};

StreamFormat formatOf(const v1::PrintOptions& print) {
  switch (print.stream_format()) {
    case v1::PrintOptions::STREAM_FORMAT_JSON_ARRAY:
      return StreamFormat::kJsonArray;
    case v1::PrintOptions::STREAM_FORMAT_SERVER_SENT_EVENTS:
      return StreamFormat::kServerSentEvents;
    default:
      return StreamFormat::kJsonLines;
  }
}

Options optionsOf(const v1::GrpcJsonTranscoder& message, const config::Cursor& at) {
  Options options;
  const v1::PrintOptions& print = message.print();
  options.json.add_whitespace = print.add_whitespace();
  options.json.always_print_primitive_fields = print.always_print_primitive_fields();
  options.json.always_print_enums_as_ints = print.always_print_enums_as_ints();
  options.json.preserve_proto_field_names = print.preserve_proto_field_names();
  options.json.ignore_unknown_fields = message.ignore_unknown_fields();
  options.json.case_insensitive_enums = message.case_insensitive_enums();
  options.stream_format = formatOf(print);
  options.auto_mapping = message.auto_mapping();
  options.ignore_unknown_query_parameters = message.ignore_unknown_query_parameters();
  options.ignored_query_parameters.assign(message.ignored_query_parameters().begin(),
                                          message.ignored_query_parameters().end());
  std::sort(options.ignored_query_parameters.begin(), options.ignored_query_parameters.end());
  options.plus_is_space = message.plus_is_space();
  options.convert_grpc_status = message.convert_grpc_status();
  options.refuse_unmatched = message.refuse_unmatched_requests();
  options.match_incoming_request_route = message.match_incoming_request_route();
  options.max_request_message_bytes = static_cast<uint32_t>(
      config::readNumberOr(message.max_request_message_bytes(), options.max_request_message_bytes,
                           kMessageBytes, at.field("max_request_message_bytes")));
  options.max_response_message_bytes = static_cast<uint32_t>(
      config::readNumberOr(message.max_response_message_bytes(), options.max_response_message_bytes,
                           kMessageBytes, at.field("max_response_message_bytes")));
  return options;
}

// Null after an error.
std::unique_ptr<MessageTypes> loadTypes(const std::string& file, const config::Cursor& at) {
  const size_t problems = at.diagnostics().list().size();
  const std::string bytes = config::readFile(file, kMaxDescriptorSetBytes, at);
  if (at.diagnostics().list().size() > problems) return nullptr;
  if (bytes.size() > kMaxDescriptorSetBytes) {
    at.error(base::concat("\"", file, "\" is larger than 32 MiB"),
             "leave out what the services do not use");
    return nullptr;
  }
  auto types = MessageTypes::load(bytes);
  if (types.ok()) return *std::move(types);
  config::report(absl::InvalidArgumentError(
                     base::concat("\"", file, "\": ", base::view(types.status().message()))),
                 at);
  return nullptr;
}

void addServices(const v1::GrpcJsonTranscoder& message, const config::Cursor& at,
                 Transcoding& transcoding) {
  const std::vector<std::string>& known = transcoding.types().services();
  std::map<std::string, int> names;
  for (int i = 0; i < message.services_size(); ++i) {
    const config::Cursor here = at.at("services", i);
    const std::string& name = message.services(i);
    if (!config::require(name, here, "name a service with its package")) continue;
    config::checkUnique(name, i, names, "service", here);
    if (names[name] != i) continue;
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      here.error(base::concat("the descriptor set has no service \"", name, "\""),
                 known.empty() ? "it has none at all" : config::suggestion(name, known));
      continue;
    }
    const absl::Status status = transcoding.addService(name);
    if (!status.ok()) config::report(status, here);
  }
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> GrpcJsonTranscoderExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext&) const {
  const auto& message = static_cast<const v1::GrpcJsonTranscoder&>(config);
  const size_t problems = at.diagnostics().list().size();
  Options options = optionsOf(message, at);
  if (message.services().empty()) {
    at.field("services").error("is required", "name a service with its package");
  }
  auto types = loadTypes(message.descriptor_set(), at.field("descriptor_set"));
  if (types == nullptr) return nullptr;
  auto transcoding = std::make_shared<Transcoding>(std::move(types), std::move(options));
  addServices(message, at, *transcoding);
  if (at.diagnostics().list().size() > problems) return nullptr;
  return std::make_shared<GrpcJsonTranscoderFilterFactory>(std::move(transcoding));
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
