#include "extensions/http_filters/decompressor/config.h"

#include <optional>
#include <string>
#include <utility>

#include "api/weir/extensions/http_filters/decompressor/v1/decompressor.pb.h"
#include "extensions/http_filters/decompressor/decompressor.h"
#include "source/config/fields.h"

namespace weir::extensions::http_filters::decompressor {
namespace {

using common::codecs::Coding;

constexpr uint64_t kMostBytes = uint64_t{1} << 40;
constexpr uint32_t kMostRatio = 1'000'000;
constexpr uint32_t kMostDecoders = 1'000'000;

std::optional<Coding> codingIn(int value) {
  switch (value) {
    case v1::Decompressor::GZIP:
      return Coding::kGzip;
    case v1::Decompressor::DEFLATE:
      return Coding::kDeflate;
    case v1::Decompressor::BROTLI:
      return Coding::kBrotli;
    case v1::Decompressor::ZSTD:
      return Coding::kZstd;
    default:
      return std::nullopt;
  }
}

void readCodings(const v1::Decompressor& from, const config::Cursor& at, DecompressorPolicy& to) {
  if (!from.codings().empty()) to.codings.fill(false);
  for (int i = 0; i < from.codings_size(); ++i) {
    const auto coding = codingIn(from.codings(i));
    if (coding) {
      to.codings[static_cast<size_t>(*coding)] = true;
    } else {
      at.at("codings", i).error("is no coding", "write GZIP, DEFLATE, BROTLI or ZSTD");
    }
  }
  // "deflate" is read, but not asked for.
  to.offered.clear();
  for (const Coding coding : {Coding::kZstd, Coding::kBrotli, Coding::kGzip}) {
    if (!to.codings[static_cast<size_t>(coding)]) continue;
    to.offered.append(to.offered.empty() ? "" : ", ").append(codingName(coding));
  }
}

// What `from` gives replaces what `to` has.
void readPolicy(const v1::Decompressor& from, const config::Cursor& at, DecompressorPolicy& to) {
  if (from.has_requests()) to.requests = from.requests();
  if (from.has_responses()) to.responses = from.responses();
  if (from.has_advertise()) to.advertise = from.advertise();
  readCodings(from, at, to);
  to.max_codings = static_cast<uint32_t>(config::readNumberOr(
      from.max_codings(), to.max_codings, {1, kMostStacked}, at.field("max_codings")));
  to.max_bytes =
      config::readNumberOr(from.max_bytes(), to.max_bytes, {1, kMostBytes}, at.field("max_bytes"));
  to.max_ratio = static_cast<uint32_t>(
      config::readNumberOr(from.max_ratio(), to.max_ratio, {2, kMostRatio}, at.field("max_ratio")));
  if (to.advertise && !to.responses) {
    at.field("advertise").error("asks for what is not decompressed", "add `responses: true`");
  } else if (to.advertise && to.offered.empty()) {
    at.field("advertise").error("has nothing to ask for", "add a coding other than DEFLATE");
  }
}

DirectionStats makeStats(stats::Store& store, const std::string& name,
                         const std::string& direction) {
  const auto counter = [&](std::string_view metric, std::string_view help) {
    return store.counter(metric, help, {{"filter", name}, {"direction", direction}});
  };
  return {
      .messages = counter("decompressor_messages_total", "Bodies decompressed."),
      .bytes_in = counter("decompressor_bytes_in_total", "Bytes before decompression."),
      .bytes_out = counter("decompressor_bytes_out_total", "Bytes after decompression."),
      .unsupported = counter("decompressor_unsupported_total",
                             "Bodies with codings that are not taken off, or too many."),
      .corrupt = counter("decompressor_corrupt_total",
                         "Bodies that were not what Content-Encoding said, or cut off."),
      .too_large = counter("decompressor_too_large_total",
                           "Bodies that became larger than max_bytes or max_ratio allows."),
      .busy = counter("decompressor_busy_total", "Bodies for which no decoder was left."),
  };
}

void refuseInRoute(bool there, const config::Cursor& at) {
  if (there) at.error("belongs to the filter, in the connection manager", "leave it out here");
}

}  // namespace

std::shared_ptr<const http::HttpFilterFactory> DecompressorExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Decompressor&>(config);
  DecompressorConfig to;
  readPolicy(from, at, to.policy);
  if (!to.policy.requests && !to.policy.responses) {
    at.error("decompresses nothing", "write `requests: true`, `responses: true` or both");
  }
  to.max_decoders = config::readNumberOr(from.max_decoders(), to.max_decoders, {1, kMostDecoders},
                                         at.field("max_decoders"));
  const std::string name =
      from.stat_prefix().empty() ? std::string(context.listener_name) : from.stat_prefix();
  to.requests = makeStats(context.stats, name, "request");
  to.responses = makeStats(context.stats, name, "response");
  return std::make_shared<DecompressorFilterFactory>(std::move(to));
}

std::shared_ptr<const http::RouteFilterConfig> DecompressorExtension::compileRoute(
    const google::protobuf::Message& config, const http::HttpFilterFactory& filter,
    const config::Cursor& at, config::CompileContext&) const {
  const auto& from = static_cast<const v1::Decompressor&>(config);
  refuseInRoute(from.max_decoders() != 0, at.field("max_decoders"));
  refuseInRoute(!from.stat_prefix().empty(), at.field("stat_prefix"));
  auto to = std::make_shared<DecompressorPolicy>(
      static_cast<const DecompressorFilterFactory&>(filter).config().policy);
  readPolicy(from, at, *to);
  return to;
}

}  // namespace weir::extensions::http_filters::decompressor
