// The values of operators that look into requests, and at what filters and routes say of them.
#include <charconv>
#include <cmath>

#include "source/base/json_text.h"
#include "source/http/cookies.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/format_operators.h"
#include "source/http/metadata.h"
#include "source/http/path_template.h"
#include "source/http/query.h"
#include "source/http/route.h"
#include "source/http/trace_context.h"

namespace weir::http {
namespace {

using Kind = MetadataValue::Kind;

// Deeper ones are null: they come from scripts and tokens.
constexpr int kMaxDepth = 16;

void appendDouble(double number, std::string& out) {
  if (!std::isfinite(number)) {
    out.append("null");
    return;
  }
  char digits[32];
  const auto result = std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, result.ptr);
}

void appendJsonValue(const MetadataValue& value, int depth, std::string& out) {
  if (depth == 0) return void(out.append("null"));
  switch (value.kind) {
    case Kind::kNull:
      out.append("null");
      return;
    case Kind::kBool:
      out.append(value.flag ? "true" : "false");
      return;
    case Kind::kNumber:
      return appendDouble(value.number, out);
    case Kind::kText:
      return base::appendJsonString(value.text, out);
    case Kind::kList:
    case Kind::kStruct:
      break;
  }
  const bool list = value.kind == Kind::kList;
  out.push_back(list ? '[' : '{');
  bool first = true;
  for (const MetadataField& member : value.members()) {
    if (!first) out.push_back(',');
    first = false;
    if (!list) {
      base::appendJsonString(member.key, out);
      out.push_back(':');
    }
    appendJsonValue(member.value, depth - 1, out);
  }
  out.push_back(list ? ']' : '}');
}

// What the keys from `first` on lead to; null: nothing.
const MetadataValue* descend(const MetadataValue* value, const std::vector<std::string>& path,
                             size_t first) {
  for (size_t i = first; value != nullptr && i < path.size(); ++i) value = value->find(path[i]);
  return value;
}

std::optional<MetadataValue> present(const MetadataValue* value) {
  if (value == nullptr || value->kind == Kind::kNull) return std::nullopt;
  return *value;
}

std::optional<MetadataValue> dynamicValue(const StreamInfo& info,
                                          const std::vector<std::string>& path) {
  if (info.dynamic_metadata == nullptr) return std::nullopt;
  const DynamicMetadata::Value* found = info.dynamic_metadata->find(path[0], path[1]);
  if (found == nullptr) return std::nullopt;
  if (const auto* const deep = std::get_if<const MetadataValue*>(found)) {
    return present(descend(*deep, path, 2));
  }
  if (path.size() > 2) return std::nullopt;
  if (const auto* const text = std::get_if<std::string_view>(found)) {
    return MetadataValue::of(*text);
  }
  if (const auto* const flag = std::get_if<bool>(found)) return MetadataValue::of(*flag);
  return MetadataValue::of(std::get<double>(*found));
}

std::optional<MetadataValue> routeValue(const StreamInfo& info, bool of_virtual_host,
                                        const std::vector<std::string>& path) {
  if (info.route == nullptr) return std::nullopt;
  const Metadata* const metadata =
      of_virtual_host ? info.route->virtualHostMetadata() : info.route->metadata();
  return metadata == nullptr ? std::nullopt : present(descend(&metadata->root(), path, 0));
}

std::optional<std::string_view> capture(const StreamInfo& info, const std::string& name) {
  const PathTemplate* const shape = info.route == nullptr ? nullptr : info.route->pathTemplate();
  return shape == nullptr ? std::nullopt : shape->capture(info.routed_path, name);
}

std::optional<std::string_view> unlessEmpty(std::string_view text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

}  // namespace

bool Format::Values::metadataJson(const Piece& piece, const StreamInfo& info, std::string& out) {
  const bool dynamic = piece.name->op == Operator::kDynamicMetadata;
  const std::optional<MetadataValue> value =
      dynamic ? dynamicValue(info, piece.path) : routeValue(info, piece.virtual_host, piece.path);
  if (!value) return false;
  appendJsonValue(*value, kMaxDepth, out);
  return true;
}

bool Format::Values::ofRequest(const Piece& piece, const LogEntry& entry, Style style,
                               std::string& out) {
  const StreamInfo& info = entry.info;
  const auto found = [&](std::optional<std::string_view> value) {
    return text(value, piece.max_length, style, out);
  };
  switch (piece.name->op) {
    case Operator::kQuery:
      return found(queryValue(entry.request.path, piece.text));
    case Operator::kCookie:
      return found(cookieValue(entry.request.headers, piece.text));
    case Operator::kPathCapture:
      return found(capture(info, piece.text));
    case Operator::kTraceId:
      return info.trace != nullptr && found(unlessEmpty(info.trace->trace_id));
    case Operator::kSpanId:
      return info.trace != nullptr && found(unlessEmpty(info.trace->span_id));
    case Operator::kUpstreamPath:
      return found(
          unlessEmpty(info.upstream_path.empty() ? entry.request.path : info.upstream_path));
    case Operator::kUpstreamAuthority:
      return found(unlessEmpty(info.upstream_authority.empty() ? entry.request.authority
                                                               : info.upstream_authority));
    case Operator::kDynamicMetadata:
    case Operator::kMetadata: {
      const bool dynamic = piece.name->op == Operator::kDynamicMetadata;
      const auto value = dynamic ? dynamicValue(info, piece.path)
                                 : routeValue(info, piece.virtual_host, piece.path);
      if (!value) return false;
      if (value->kind == Kind::kText) return found(value->text);
      thread_local std::string json;  // keeps its capacity
      json.clear();
      appendJsonValue(*value, kMaxDepth, json);
      return found(json);
    }
    default:
      return false;
  }
}

}  // namespace weir::http
