#include "extensions/http_filters/body_matcher/body_matcher.h"

#include <algorithm>
#include <array>

#include "source/base/ascii.h"
#include "source/http/dynamic_metadata.h"
#include "source/http/metadata.h"

namespace weir::extensions::http_filters::body_matcher {

using http::HeaderId;
using http::Verdict;

bool BodyMatcherOptions::MediaType::matches(std::string_view media_type) const {
  if (suffix.empty()) return base::equalsIgnoreCase(media_type, type);
  return media_type.size() > type.size() + suffix.size() &&
         base::startsWithIgnoreCase(media_type, type) &&
         base::endsWithIgnoreCase(media_type, suffix);
}

namespace {

// Worker-confined.
struct Counters {
  stats::Cell& read;
  stats::Cell& too_large;
  stats::Cell& malformed;
  stats::Cell& overflow;
};

// Puts a value into the metadata; false: there is no room. What is in a list or object is not kept.
struct Set {
  http::DynamicMetadata& metadata;
  std::string_view name_space;
  std::string_view key;

  bool operator()(std::monostate) const { return true; }
  bool operator()(bool flag) const { return metadata.set(name_space, key, flag); }
  bool operator()(double number) const { return metadata.set(name_space, key, number); }
  bool operator()(const std::string& text) const {
    return metadata.set(name_space, key, std::string_view(text));
  }
  bool operator()(JsonContainer container) const {
    const http::MetadataValue nothing =
        container.list ? http::MetadataValue::list({}) : http::MetadataValue::structure({});
    return metadata.set(name_space, key, &nothing);
  }
};

// Holds one request back until its body has come. Worker-confined.
class BodyMatcherFilter final : public http::HttpFilter {
 public:
  BodyMatcherFilter(const BodyMatcherOptions& options, const Counters& counters)
      : options_(&options), counters_(counters) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  Verdict onRequestBody(buffer::Buffer& data, bool end_stream) override;
  Verdict onRequestTrailers(http::HeaderMap&) override;
  void onStreamEnd() override { body_.reset(); }

 private:
  bool wants(const http::RequestHead& head) const;
  Verdict tooLarge();
  // False: it has been refused.
  bool read();
  void readTexts(std::string_view body);
  void set(std::string_view key, const JsonValue& value);

  const BodyMatcherOptions* options_;  // the filter's, or the route's
  const Counters& counters_;
  std::optional<buffer::Buffer> body_;  // while it waits
};

Verdict BodyMatcherFilter::onRequestHead(http::RequestHead& head, bool end_stream) {
  if (const auto* const config = handle().routeConfig()) {
    options_ = static_cast<const BodyMatcherOptions*>(config);
  }
  if (end_stream || !wants(head)) return Verdict::kContinue;
  const bool known = head.framing == http::BodyFraming::kContentLength;
  if (known && head.content_length > options_->max_bytes) return tooLarge();
  body_.emplace(handle().blocks());
  handle().setBodyNeeds({.request = http::BodyMode::kStream});
  handle().holdRequestHead();
  return Verdict::kContinue;
}

bool BodyMatcherFilter::wants(const http::RequestHead& head) const {
  if (!head.upgrade.empty() || head.isConnect()) return false;
  const std::string_view encoding = head.headers.get("content-encoding");
  if (!encoding.empty() && !base::equalsIgnoreCase(encoding, "identity")) return false;
  std::string_view type = head.headers.get(HeaderId::kContentType);
  type = base::trimOws(type.substr(0, type.find(';')));
  return std::any_of(options_->content_types.begin(), options_->content_types.end(),
                     [&](const auto& wanted) { return wanted.matches(type); });
}

Verdict BodyMatcherFilter::onRequestBody(buffer::Buffer& data, bool end_stream) {
  if (!body_) return Verdict::kContinue;
  body_->append(data);
  if (body_->size() > options_->max_bytes) {
    if (tooLarge() == Verdict::kPause) return Verdict::kPause;
    handle().resumeRequest();
  } else if (!end_stream) {
    return Verdict::kContinue;
  } else if (!read()) {
    return Verdict::kPause;
  }
  data.append(*body_);
  body_.reset();
  return Verdict::kContinue;
}

Verdict BodyMatcherFilter::onRequestTrailers(http::HeaderMap&) {
  if (!body_) return Verdict::kContinue;
  if (!read()) return Verdict::kPause;
  handle().addRequestBody(*body_);
  body_.reset();
  return Verdict::kContinue;
}

Verdict BodyMatcherFilter::tooLarge() {
  counters_.too_large.add();
  if (!options_->refuse_too_large) return Verdict::kContinue;
  handle().localReply({.status = 413,
                       .body = "the request body is too large\n",
                       .detail = "body_matcher_too_large"});
  return Verdict::kPause;
}

bool BodyMatcherFilter::read() {
  counters_.read.add();
  const std::string_view body = body_->linearize(body_->size());
  if (!options_->pointers.empty()) {
    JsonValues values(options_->pointers);
    if (!values.read(body)) {
      counters_.malformed.add();
      if (options_->refuse_malformed) {
        handle().localReply({.status = 400,
                             .body = "the request body is no valid JSON\n",
                             .detail = "body_matcher_malformed"});
        return false;
      }
    }
    for (size_t i = 0; i < options_->json_keys.size(); ++i) {
      set(options_->json_keys[i], values.values()[i]);
    }
  }
  readTexts(body);
  handle().clearRouteCache();
  return true;
}

void BodyMatcherFilter::readTexts(std::string_view body) {
  for (const BodyMatcherOptions::TextValue& text : options_->texts) {
    const bool found = text.regex ? text.regex->partialMatch(body)
                                  : body.find(text.contains) != std::string_view::npos;
    if (found) set(text.key, true);
  }
}

void BodyMatcherFilter::set(std::string_view key, const JsonValue& value) {
  const Set set{handle().dynamicMetadata(), options_->metadata_namespace, key};
  if (!std::visit(set, value)) counters_.overflow.add();
}

// Makes the filters of one worker. Worker-confined.
class WorkerBodyMatcherFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerBodyMatcherFilterFactory(std::shared_ptr<const BodyMatcherOptions> options,
                                 const Counters& counters)
      : options_(std::move(options)), counters_(counters) {}

  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<BodyMatcherFilter>(*options_, counters_);
  }

 private:
  const std::shared_ptr<const BodyMatcherOptions> options_;
  const Counters counters_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> BodyMatcherFilterFactory::bind(
    base::ServiceMap& services) const {
  stats::Block& block = services.get<stats::Block>();
  return std::make_unique<WorkerBodyMatcherFilterFactory>(
      options_, Counters{.read = block.counter(stats_.read),
                         .too_large = block.counter(stats_.too_large),
                         .malformed = block.counter(stats_.malformed),
                         .overflow = block.counter(stats_.overflow)});
}

}  // namespace weir::extensions::http_filters::body_matcher
