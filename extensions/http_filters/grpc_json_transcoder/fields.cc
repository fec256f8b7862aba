#include "extensions/http_filters/grpc_json_transcoder/fields.h"

#include <google/protobuf/descriptor.h>

#include <algorithm>
#include <array>
#include <utility>

#include "source/base/concat.h"
#include "source/base/json_text.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

constexpr size_t kMaxDepth = 32;

// Messages whose JSON form is a string, or anything.
constexpr std::array<std::string_view, 13> kTextMessages = {
    "google.protobuf.BoolValue",  "google.protobuf.BytesValue",  "google.protobuf.DoubleValue",
    "google.protobuf.Duration",   "google.protobuf.FieldMask",   "google.protobuf.FloatValue",
    "google.protobuf.Int32Value", "google.protobuf.Int64Value",  "google.protobuf.StringValue",
    "google.protobuf.Timestamp",  "google.protobuf.UInt32Value", "google.protobuf.UInt64Value",
    "google.protobuf.Value",
};

bool hasTextForm(const FieldDescriptor& field) {
  if (field.is_map()) return false;
  const Descriptor* type = field.message_type();
  return type == nullptr || std::binary_search(kTextMessages.begin(), kTextMessages.end(),
                                               std::string_view(type->full_name()));
}

}  // namespace

const FieldDescriptor* findField(const Descriptor& message, std::string_view name) {
  const std::string text(name);
  if (const FieldDescriptor* field = message.FindFieldByName(text)) return field;
  for (int i = 0; i < message.field_count(); ++i) {
    if (message.field(i)->json_name() == text) return message.field(i);
  }
  return nullptr;
}

absl::StatusOr<FieldPath> findField(const Descriptor& root, std::span<const std::string> names) {
  FieldPath path;
  if (names.size() > kMaxDepth) return absl::NotFoundError("is nested too deeply; at most 32");
  const Descriptor* message = &root;
  for (size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field = findField(*message, names[i]);
    if (field == nullptr) {
      return absl::NotFoundError(base::concat("message ", message->full_name(), " has no field \"",
                                              names[i], "\"; name one of its fields"));
    }
    const bool last = i + 1 == names.size();
    const bool text = hasTextForm(*field);
    path.json_names.push_back(field->json_name());
    path.repeated = field->is_repeated();
    if (last && !text) {
      return absl::InvalidArgumentError(
          base::concat("field \"", names[i], "\" of ", message->full_name(),
                       " is a message; name a field in it, or give it in the body"));
    }
    if (!last && (text || field->is_repeated())) {
      return absl::NotFoundError(base::concat("field \"", names[i], "\" of ", message->full_name(),
                                              " has no fields to name; remove what follows it"));
    }
    message = field->message_type();
  }
  return path;
}

Parameters::Node& Parameters::childOf(Node& node, const std::string& name) {
  const auto found = std::find_if(node.children.begin(), node.children.end(),
                                  [&](const Node& child) { return child.name == name; });
  if (found != node.children.end()) return *found;
  node.children.emplace_back();
  node.children.back().name = name;
  return node.children.back();
}

bool Parameters::set(const FieldPath& field, std::string value) {
  Node* node = &root_;
  for (const std::string& name : field.json_names) node = &childOf(*node, name);
  if (!node->values.empty() && !field.repeated) return false;
  node->repeated = field.repeated;
  node->values.push_back(std::move(value));
  return true;
}

std::string Parameters::toJson() const {
  std::string out;
  append(root_, out);
  return out;
}

// As deep as findField() lets names be.
void Parameters::append(const Node& node, std::string& out) {
  if (!node.values.empty()) {
    if (node.repeated) out += '[';
    for (size_t i = 0; i < node.values.size(); ++i) {
      if (i > 0) out += ',';
      base::appendJsonString(node.values[i], out);
    }
    if (node.repeated) out += ']';
    return;
  }
  out += '{';
  for (size_t i = 0; i < node.children.size(); ++i) {
    if (i > 0) out += ',';
    base::appendJsonString(node.children[i].name, out);
    out += ':';
    append(node.children[i], out);
  }
  out += '}';
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
