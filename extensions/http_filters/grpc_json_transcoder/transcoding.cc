#include "extensions/http_filters/grpc_json_transcoder/transcoding.h"

#include <algorithm>
#include <map>
#include <utility>

#include "extensions/http_filters/grpc_json_transcoder/escapes.h"
#include "extensions/http_filters/grpc_json_transcoder/json_values.h"
#include "extensions/http_filters/grpc_json_transcoder/wire.h"
#include "source/base/concat.h"
#include "source/base/json_text.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kAnyMethod = "*";
// JSON is larger than the binary form, but not by more than this, or else something is meant to
// hurt.
size_t mostJsonBytes(const Options& options) {
  constexpr size_t kMostGrowth = 16;
  return kMostGrowth * options.max_response_message_bytes;
}

absl::Status invalid(std::string message) {
  return absl::InvalidArgumentError(absl::string_view(message));
}

bool isRaw(const pb::Descriptor& type) {
  return type.full_name() == kHttpBodyType;
}

std::string quoted(std::string_view text) {
  constexpr size_t kMost = 128;
  return base::concat("\"", text.substr(0, kMost), text.size() > kMost ? "..." : "", "\"");
}

std::vector<std::string> splitAtDots(std::string_view name) {
  std::vector<std::string> names;
  for (size_t at = 0; at <= name.size();) {
    const size_t dot = std::min(name.find('.', at), name.size());
    names.emplace_back(name.substr(at, dot - at));
    at = dot + 1;
  }
  return names;
}

bool isBlank(std::string_view text) {
  return std::all_of(text.begin(), text.end(), isJsonSpace);
}

}  // namespace

Transcoding::Transcoding(std::unique_ptr<MessageTypes> types, Options options)
    : types_(std::move(types)), options_(std::move(options)) {}

// ---- bindings -------------------------------------------------------------------------------

absl::Status Transcoding::addService(const std::string& name) {
  const pb::ServiceDescriptor* service = types_->pool().FindServiceByName(name);
  if (service == nullptr) return invalid("is no service of the descriptor set; name one that is");
  for (int i = 0; i < service->method_count(); ++i) {
    const absl::Status status = addMethod(*service->method(i));
    if (!status.ok()) {
      return invalid(
          base::concat("method ", service->method(i)->name(), ": ", base::view(status.message())));
    }
  }
  return {};
}

absl::Status Transcoding::addMethod(const pb::MethodDescriptor& descriptor) {
  auto rules = httpRulesOf(descriptor);
  if (!rules.ok()) return rules.status();
  auto method = std::make_unique<Method>();
  method->name = descriptor.full_name();
  method->path = base::concat("/", descriptor.service()->full_name(), "/", descriptor.name());
  method->request = descriptor.input_type();
  method->response = descriptor.output_type();
  method->client_streaming = descriptor.client_streaming();
  method->server_streaming = descriptor.server_streaming();
  if (rules->empty() && options_.auto_mapping) {
    rules->push_back({"POST", method->path, std::string(kAnyMethod), {}});
  }
  if (rules->empty()) return {};
  types_->prepare(*method->request);
  types_->prepare(*method->response);
  methods_.push_back(std::move(method));
  for (const HttpRule& rule : *rules) {
    const absl::Status status = addBinding(*methods_.back(), rule);
    if (!status.ok()) {
      return invalid(base::concat(rule.http_method, " ", quoted(rule.path_template), ": ",
                                  base::view(status.message())));
    }
  }
  return {};
}

absl::Status Transcoding::addBinding(const Method& method, const HttpRule& rule) {
  auto path_template = parsePathTemplate(rule.path_template);
  if (!path_template.ok()) return path_template.status();
  auto binding = std::make_unique<Binding>();
  binding->method = &method;
  binding->path_template = *std::move(path_template);
  absl::Status status = bindVariables(*binding);
  if (status.ok()) status = bindBody(rule, *binding);
  if (status.ok()) status = bindResponse(rule, *binding);
  if (!status.ok()) return status;
  PathTrie& trie = rule.http_method == kAnyMethod ? any_method_ : tries_[rule.http_method];
  const auto index = static_cast<uint32_t>(bindings_.size());
  if (const auto other = trie.add(binding->path_template, index)) {
    return invalid(base::concat("matches the same requests as a binding of ",
                                bindings_[*other]->method->name, "; give one another path"));
  }
  bindings_.push_back(std::move(binding));
  return {};
}

absl::Status Transcoding::bindVariables(Binding& binding) {
  for (const PathTemplate::Variable& variable : binding.path_template.variables) {
    auto field = findField(*binding.method->request, variable.field);
    if (!field.ok()) {
      return invalid(base::concat("variable ", quoted(variable.field.front()), ": ",
                                  base::view(field.status().message())));
    }
    if (field->repeated) {
      return invalid(base::concat("variable ", quoted(variable.field.back()),
                                  ": the field is repeated; name one that has a single value"));
    }
    binding.variables.push_back(*std::move(field));
  }
  return {};
}

absl::Status Transcoding::bindBody(const HttpRule& rule, Binding& binding) {
  const pb::Descriptor& request = *binding.method->request;
  if (rule.body.empty()) return {};
  if (rule.body == kAnyMethod) {
    binding.body = Binding::Body::kMessage;
    binding.body_is_raw = isRaw(request);
    return {};
  }
  const pb::FieldDescriptor* field = findField(request, rule.body);
  if (field == nullptr) {
    return invalid(base::concat("body: message ", request.full_name(), " has no field ",
                                quoted(rule.body), "; name one of its own fields, or \"*\""));
  }
  binding.body = Binding::Body::kField;
  binding.body_field = field->json_name();
  binding.body_number = static_cast<uint32_t>(field->number());
  binding.body_is_raw =
      !field->is_repeated() && field->message_type() != nullptr && isRaw(*field->message_type());
  return {};
}

absl::Status Transcoding::bindResponse(const HttpRule& rule, Binding& binding) {
  const pb::Descriptor& response = *binding.method->response;
  if (rule.response_body.empty()) {
    binding.response_type = response.full_name();
    binding.response_is_raw = isRaw(response);
    return {};
  }
  const pb::FieldDescriptor* field = findField(response, rule.response_body);
  if (field == nullptr) {
    return invalid(base::concat("response_body: message ", response.full_name(), " has no field ",
                                quoted(rule.response_body), "; name one of its own fields"));
  }
  binding.response_number = static_cast<uint32_t>(field->number());
  binding.response_type = types_->prepareOnly(*field);
  if (field->message_type() != nullptr && !field->is_repeated()) {
    binding.response_is_raw = isRaw(*field->message_type());
    const bool special = field->message_type()->full_name().starts_with("google.protobuf.");
    binding.response_absent = special ? "null" : "{}";
  }
  return {};
}

// ---- requests -------------------------------------------------------------------------------

const Binding* Transcoding::match(std::string_view method, std::string_view path) const {
  const auto trie = tries_.find(method);
  auto found = trie == tries_.end() ? std::nullopt : trie->second.match(path);
  if (!found) found = any_method_.match(path);
  return found ? bindings_[*found].get() : nullptr;
}

std::string Transcoding::allowedMethods(std::string_view path) const {
  std::vector<std::string_view> methods;
  for (const auto& entry : tries_) {
    if (entry.second.match(path)) methods.push_back(entry.first);
  }
  std::sort(methods.begin(), methods.end());
  std::string text;
  for (const std::string_view method : methods) {
    text += base::concat(text.empty() ? "" : ", ", method);
  }
  return text;
}

absl::StatusOr<std::string> Transcoding::parameters(const Binding& binding, std::string_view path,
                                                    std::string_view query) const {
  Parameters parameters;
  absl::Status status = setVariables(binding, path, parameters);
  if (status.ok()) status = setQuery(binding, query, parameters);
  if (!status.ok()) return status;
  std::string message;
  if (parameters.empty()) return message;
  JsonOptions options = options_.json;
  options.ignore_unknown_fields = false;
  status =
      types_->toBinary(binding.method->request->full_name(), parameters.toJson(), options, message);
  if (!status.ok()) return invalid(base::concat("path or query: ", base::view(status.message())));
  return message;
}

absl::Status Transcoding::setVariables(const Binding& binding, std::string_view path,
                                       Parameters& parameters) const {
  for (size_t i = 0; i < binding.variables.size(); ++i) {
    const PathTemplate::Variable& variable = binding.path_template.variables[i];
    const bool several = binding.path_template.spansSegments(variable);
    auto value = unescape(captured(path, binding.path_template, variable),
                          several ? Unescape::kAllButSlash : Unescape::kAll);
    if (!value) {
      return invalid(base::concat("path: ", quoted(variable.field.back()),
                                  " has a malformed escape or is not UTF-8"));
    }
    parameters.set(binding.variables[i], *std::move(value));
  }
  return {};
}

absl::Status Transcoding::setQuery(const Binding& binding, std::string_view query,
                                   Parameters& parameters) const {
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    const absl::Status status = setQueryParameter(binding, pair, parameters);
    if (!status.ok()) return invalid(base::concat("query: ", base::view(status.message())));
  }
  return {};
}

absl::Status Transcoding::setQueryParameter(const Binding& binding, std::string_view pair,
                                            Parameters& parameters) const {
  const Unescape mode = options_.plus_is_space ? Unescape::kAllAndPlus : Unescape::kAll;
  const size_t equals = std::min(pair.find('='), pair.size());
  const auto name = unescape(pair.substr(0, equals), mode);
  if (!name) return invalid("the name of a parameter has a malformed escape or is not UTF-8");
  const std::vector<std::string>& ignored = options_.ignored_query_parameters;
  if (std::binary_search(ignored.begin(), ignored.end(), *name)) return {};
  const auto field = findField(*binding.method->request, splitAtDots(*name));
  if (!field.ok()) {
    const bool unknown = field.status().code() == absl::StatusCode::kNotFound;
    if (unknown && options_.ignore_unknown_query_parameters) return {};
    return invalid(
        base::concat("parameter ", quoted(*name), ": ", base::view(field.status().message())));
  }
  auto value = unescape(pair.substr(std::min(equals + 1, pair.size())), mode);
  if (!value) {
    return invalid(
        base::concat("parameter ", quoted(*name), " has a malformed escape or is not UTF-8"));
  }
  if (!parameters.set(*field, *std::move(value))) {
    return invalid(base::concat("parameter ", quoted(*name),
                                ": the field has one value already; give it once"));
  }
  return {};
}

absl::Status Transcoding::requestMessage(const Binding& binding, std::string_view body,
                                         std::string_view content_type,
                                         std::string& message) const {
  const bool in_field = binding.body == Binding::Body::kField;
  if (binding.body_is_raw) {
    const std::string raw = encodeHttpBody(content_type, body);
    if (in_field) {
      appendField(binding.body_number, raw, message);
    } else {
      message += raw;
    }
    return {};
  }
  if (isBlank(body)) return {};
  if (binding.body == Binding::Body::kNone) {
    return invalid("body: this method takes none; send its fields in the query");
  }
  const std::string type = binding.method->request->full_name();
  absl::Status status;
  if (!in_field) {
    status = types_->toBinary(type, body, options_.json, message);
  } else if (!isOneJsonValue(body)) {
    status = invalid("it is not one JSON value");
  } else {
    std::string json = "{";
    base::appendJsonString(binding.body_field, json);
    status = types_->toBinary(type, base::concat(json, ":", body, "}"), options_.json, message);
  }
  return status.ok() ? status : invalid(base::concat("body: ", base::view(status.message())));
}

// ---- responses ------------------------------------------------------------------------------

absl::Status Transcoding::responseJson(const Binding& binding, std::string_view message,
                                       bool in_stream, std::string& json) const {
  const size_t most = mostJsonBytes(options_);
  JsonOptions options = options_.json;
  // A line, or event, is one line.
  if (in_stream && options_.stream_format != StreamFormat::kJsonArray) {
    options.add_whitespace = false;
  }
  if (binding.response_number == 0) {
    return types_->toJson(binding.response_type, message, options, most, json);
  }
  const auto convert = [&](std::string& text) {
    return types_->toJson(binding.response_type, message, options, most, text);
  };
  std::string text;
  absl::Status status = convert(text);
  size_t colon = text.find(':');
  const bool absent = colon == std::string::npos;
  if (status.ok() && absent && binding.response_absent.empty()) {
    options.always_print_primitive_fields = true;
    text.clear();
    status = convert(text);
    colon = text.find(':');
  }
  if (!status.ok()) return status;
  if (colon == std::string::npos) {
    json += binding.response_absent.empty() ? "null" : binding.response_absent;
    return {};
  }
  const size_t end = text.rfind('}');
  std::string_view value = std::string_view(text).substr(colon + 1, end - colon - 1);
  while (!value.empty() && isJsonSpace(value.front())) value.remove_prefix(1);
  while (!value.empty() && isJsonSpace(value.back())) value.remove_suffix(1);
  json += value;
  return {};
}

std::string Transcoding::errorJson(int code, std::string_view message,
                                   std::string_view status_bin) const {
  // google.rpc.Status: int32 code = 1, string message = 2, repeated Any details = 3.
  constexpr uint32_t kDetails = 3;
  WireReader reader(status_bin);
  WireField field;
  std::string details;
  while (reader.next(field) == WireReader::Result::kField) {
    if (field.number != kDetails) continue;
    std::string json;
    const absl::Status status = types_->toJson("google.protobuf.Any", field.value, options_.json,
                                               mostJsonBytes(options_), json);
    details +=
        base::concat(details.empty() ? "" : ",", status.ok() ? json : opaqueAnyJson(field.value));
  }
  return statusJson(code, message, details);
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
