#include "extensions/http_filters/grpc_json_transcoder/message_types.h"

#include <google/protobuf/any.pb.h>
#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/type.pb.h>
#include <google/protobuf/util/json_util.h>
#include <google/protobuf/util/type_resolver.h>
#include <google/protobuf/util/type_resolver_util.h>

#include <algorithm>
#include <set>
#include <utility>

#include "extensions/http_filters/grpc_json_transcoder/json_values.h"
#include "extensions/http_filters/grpc_json_transcoder/wire.h"
#include "source/base/concat.h"
#include "source/base/log.h"
#include "source/base/string_map.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

namespace pb = google::protobuf;

constexpr std::string_view kUrlPrefix = "type.googleapis.com";
constexpr std::string_view kAny = "google.protobuf.Any";
constexpr std::string_view kFieldMask = "google.protobuf.FieldMask";
constexpr uint32_t kAnyTypeUrl = 1;
constexpr uint32_t kAnyValue = 2;
constexpr uint64_t kMaxMaskBytes = 4 * 1024 * 1024;

// Protobuf warns of every message that it cannot turn into JSON. Peers make those, so they do not
// belong into the log; what it dies of does.
void logFatalOnly(pb::LogLevel level, const char* file, int line, const std::string& message) {
  if (level != pb::LOGLEVEL_FATAL) return;
  base::log::error("protobuf", file, ":", line, ": ", message);
}

std::string urlOf(std::string_view type) {
  return base::concat(kUrlPrefix, "/", type);
}

absl::Status fromProtobuf(const pb::util::Status& status) {
  if (status.ok()) return {};
  const pb::StringPiece message = status.message();
  return absl::InvalidArgumentError(absl::string_view(message.data(), message.size()));
}

// What DescriptorPool finds wrong: the first finding, and whether it is an import. For one call.
class FirstError final : public pb::DescriptorPool::ErrorCollector {
 public:
  void AddError(const std::string& file, const std::string& element, const pb::Message*,
                ErrorLocation location, const std::string& message) override {
    if (!what_.empty()) return;
    what_ = base::concat(file, ": ", element, ": ", message);
    import_ = location == IMPORT;
  }
  absl::Status status() const {
    return absl::InvalidArgumentError(
        base::concat(what_, import_ ? "; make the set with `protoc --include_imports`"
                                    : "; make the set with protoc from files that it accepts"));
  }

 private:
  std::string what_;
  bool import_ = false;
};

// Room for at most so many bytes, in a string. Worker-confined.
class BoundedOutput final : public pb::io::ZeroCopyOutputStream {
 public:
  BoundedOutput(std::string& out, size_t max_bytes)
      : out_(out), begin_(out.size()), max_bytes_(max_bytes) {}

  bool Next(void** data, int* size) override {
    const size_t used = out_.size() - begin_;
    if (used >= max_bytes_) {
      full_ = true;
      return false;
    }
    const size_t wanted = std::clamp<size_t>(used, kLeastBytes, kMostBytes);
    const size_t room = std::min(wanted, max_bytes_ - used);
    out_.resize(out_.size() + room);
    *data = out_.data() + out_.size() - room;
    *size = static_cast<int>(room);
    return true;
  }
  void BackUp(int count) override { out_.resize(out_.size() - static_cast<size_t>(count)); }
  int64_t ByteCount() const override { return static_cast<int64_t>(out_.size() - begin_); }
  bool full() const { return full_; }

 private:
  static constexpr size_t kLeastBytes = 512;
  static constexpr size_t kMostBytes = 1024 * 1024;
  std::string& out_;
  const size_t begin_;
  const size_t max_bytes_;
  bool full_ = false;
};

}  // namespace

// Answers from what was looked up beforehand; what only an Any names is looked up in the pool when
// it comes. Thread-safe once prepared: nothing is written, and the pools only read.
class MessageTypes::Resolver final : public pb::util::TypeResolver {
 public:
  explicit Resolver(const pb::DescriptorPool& pool)
      : own_(pb::util::NewTypeResolverForDescriptorPool(std::string(kUrlPrefix), &pool)),
        builtin_(pb::util::NewTypeResolverForDescriptorPool(
            std::string(kUrlPrefix), pb::Any::descriptor()->file()->pool())) {}

  pb::util::Status ResolveMessageType(const std::string& url, pb::Type* type) override {
    if (const auto known = types_.find(url); known != types_.end()) {
      *type = known->second;
      return {};
    }
    pb::util::Status status = own_->ResolveMessageType(url, type);
    if (status.ok() || !isBuiltin(url)) return status;
    return builtin_->ResolveMessageType(url, type);
  }
  pb::util::Status ResolveEnumType(const std::string& url, pb::Enum* type) override {
    if (const auto known = enums_.find(url); known != enums_.end()) {
      *type = known->second;
      return {};
    }
    pb::util::Status status = own_->ResolveEnumType(url, type);
    if (status.ok() || !isBuiltin(url)) return status;
    return builtin_->ResolveEnumType(url, type);
  }

  void prepare(const pb::Descriptor& root) {
    std::set<const pb::Descriptor*> seen;
    std::vector<const pb::Descriptor*> waiting = {&root};
    bool& masks = masks_[root.full_name()];
    while (!waiting.empty()) {
      const pb::Descriptor& type = *waiting.back();
      waiting.pop_back();
      if (!seen.insert(&type).second) continue;
      masks |= type.full_name() == kFieldMask || type.full_name() == kAny;
      const std::string url = urlOf(type.full_name());
      if (!types_.contains(url)) (void)own_->ResolveMessageType(url, &types_[url]);
      for (int i = 0; i < type.field_count(); ++i) {
        const pb::FieldDescriptor& field = *type.field(i);
        if (field.message_type() != nullptr) waiting.push_back(field.message_type());
        if (field.enum_type() != nullptr) prepare(*field.enum_type());
      }
    }
  }
  void prepareOnly(const pb::FieldDescriptor& field, const std::string& name) {
    pb::Type whole;
    (void)own_->ResolveMessageType(urlOf(field.containing_type()->full_name()), &whole);
    pb::Type only;
    only.set_name(name);
    only.set_syntax(whole.syntax());
    for (pb::Field& candidate : *whole.mutable_fields()) {
      if (candidate.number() == field.number()) only.add_fields()->Swap(&candidate);
    }
    for (pb::Field& kept : *only.mutable_fields()) {
      kept.set_name(std::string(kOnlyField));
      kept.set_json_name(std::string(kOnlyField));
      kept.set_oneof_index(0);
    }
    types_[urlOf(name)] = std::move(only);
  }
  // Whether a message of this type may have a field mask in it.
  bool mayHoldMask(std::string_view type) const {
    const auto known = masks_.find(type);
    return known == masks_.end() || known->second;
  }

 private:
  // In the Protobuf library itself; nothing else that this program has compiled in is shown.
  static bool isBuiltin(std::string_view url) {
    constexpr std::string_view kPackage = "/google.protobuf.";
    return url.substr(std::min(url.size(), kUrlPrefix.size())).starts_with(kPackage);
  }
  void prepare(const pb::EnumDescriptor& type) {
    const std::string url = urlOf(type.full_name());
    if (!enums_.contains(url)) (void)own_->ResolveEnumType(url, &enums_[url]);
  }

  const std::unique_ptr<pb::util::TypeResolver> own_;
  const std::unique_ptr<pb::util::TypeResolver> builtin_;
  base::StringMap<pb::Type> types_;  // by URL
  base::StringMap<pb::Enum> enums_;
  base::StringMap<bool> masks_;  // of what was prepared
};

MessageTypes::MessageTypes() : pool_(std::make_unique<pb::DescriptorPool>()) {
  resolver_ = std::make_unique<Resolver>(*pool_);
}

MessageTypes::~MessageTypes() = default;

const pb::DescriptorPool& MessageTypes::pool() const {
  return *pool_;
}

absl::StatusOr<std::unique_ptr<MessageTypes>> MessageTypes::load(std::string_view descriptor_set) {
  [[maybe_unused]] static pb::LogHandler* const kBefore = pb::SetLogHandler(&logFatalOnly);
  pb::FileDescriptorSet set;
  if (!set.ParseFromArray(descriptor_set.data(), static_cast<int>(descriptor_set.size())) ||
      set.file_size() == 0) {
    return absl::InvalidArgumentError(
        "is no google.protobuf.FileDescriptorSet; make one with `protoc --include_imports "
        "--descriptor_set_out=FILE`");
  }
  std::unique_ptr<MessageTypes> types(new MessageTypes());
  for (const pb::FileDescriptorProto& file : set.file()) {
    FirstError error;
    const pb::FileDescriptor* built = types->pool_->BuildFileCollectingErrors(file, &error);
    if (built == nullptr) return error.status();
    for (int i = 0; i < built->service_count(); ++i) {
      types->services_.push_back(built->service(i)->full_name());
    }
  }
  std::sort(types->services_.begin(), types->services_.end());
  return types;
}

void MessageTypes::prepare(const pb::Descriptor& type) {
  resolver_->prepare(type);
}

std::string MessageTypes::prepareOnly(const pb::FieldDescriptor& field) {
  // No message has such a name.
  std::string name = base::concat(field.containing_type()->full_name(), "#", field.number());
  resolver_->prepareOnly(field, name);
  return name;
}

const pb::Descriptor* MessageTypes::findType(std::string_view name) const {
  const std::string plain(name.substr(0, name.find('#')));
  const pb::Descriptor* own = pool_->FindMessageTypeByName(plain);
  if (own != nullptr || !plain.starts_with("google.protobuf.")) return own;
  return pb::Any::descriptor()->file()->pool()->FindMessageTypeByName(plain);
}

// Protobuf takes a message that breaks off, and begins anew to count its levels in each Any.
bool MessageTypes::isWhole(const pb::Descriptor& type, std::string_view bytes, size_t depth) const {
  if (depth > kMaxDepth) return false;
  const bool any = type.full_name() == kAny;
  std::string_view any_type;
  std::string_view any_value;
  WireReader reader(bytes);
  WireField field;
  WireReader::Result result;
  while ((result = reader.next(field)) == WireReader::Result::kField) {
    if (any) {
      if (field.number == kAnyTypeUrl) any_type = field.value;
      if (field.number == kAnyValue) any_value = field.value;
      continue;
    }
    const pb::FieldDescriptor* known = type.FindFieldByNumber(static_cast<int>(field.number));
    const pb::Descriptor* inner = known == nullptr ? nullptr : known->message_type();
    if (inner != nullptr && !isWhole(*inner, field.value, depth + 1)) return false;
  }
  if (result == WireReader::Result::kDamaged) return false;
  if (!any) return true;
  const pb::Descriptor* inner = findType(any_type.substr(any_type.rfind('/') + 1));
  return inner == nullptr || isWhole(*inner, any_value, depth + 1);
}

absl::Status MessageTypes::toBinary(std::string_view type, std::string_view json,
                                    const JsonOptions& options, std::string& binary) const {
  // Neither lists in lists nor field masks are bounded there.
  if (jsonDepth(json) > kMaxDepth) {
    return absl::InvalidArgumentError("is nested more than 100 levels deep");
  }
  if (resolver_->mayHoldMask(type) && fieldMaskBytes(json) > kMaxMaskBytes) {
    return absl::InvalidArgumentError("a field mask in it stands for more than 4 MiB of paths");
  }
  pb::util::JsonParseOptions parse;
  parse.ignore_unknown_fields = options.ignore_unknown_fields;
  parse.case_insensitive_enum_parsing = options.case_insensitive_enums;
  pb::io::ArrayInputStream in(json.data(), static_cast<int>(json.size()));
  pb::io::StringOutputStream out(&binary);
  return fromProtobuf(pb::util::JsonToBinaryStream(resolver_.get(), urlOf(type), &in, &out, parse));
}

absl::Status MessageTypes::toJson(std::string_view type, std::string_view binary,
                                  const JsonOptions& options, size_t max_bytes,
                                  std::string& json) const {
  const pb::Descriptor* known = findType(type);
  if (known != nullptr && !isWhole(*known, binary, 0)) {
    return absl::InvalidArgumentError("is damaged, or nested more than 100 levels deep");
  }
  pb::util::JsonPrintOptions print;
  print.add_whitespace = options.add_whitespace;
  print.always_print_primitive_fields = options.always_print_primitive_fields;
  print.always_print_enums_as_ints = options.always_print_enums_as_ints;
  print.preserve_proto_field_names = options.preserve_proto_field_names;
  pb::io::ArrayInputStream in(binary.data(), static_cast<int>(binary.size()));
  BoundedOutput out(json, max_bytes);
  const absl::Status status =
      fromProtobuf(pb::util::BinaryToJsonStream(resolver_.get(), urlOf(type), &in, &out, print));
  if (status.ok() && out.full()) {
    return absl::ResourceExhaustedError("the message is too large as JSON");
  }
  return status;
}

}  // namespace weir::extensions::http_filters::grpc_json_transcoder
