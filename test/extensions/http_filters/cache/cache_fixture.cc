#include "test/extensions/http_filters/cache/cache_fixture.h"

#include <array>

#include "source/base/time.h"
#include "source/http/route.h"

namespace weir::extensions::http_filters::cache {
namespace {

class AnyRoute final : public http::Route {
 public:
  std::string_view name() const override { return "any"; }
  std::string_view virtualHostName() const override { return "all"; }
  std::string_view clusterName() const override { return "origin"; }
};
const AnyRoute kRoute;

// Tells the origin of one request. Lives in its stream's arena.
class OriginTerminal final : public http::Terminal {
 public:
  OriginTerminal(Origin& origin, http::FilterChain& chain) : origin_(origin), chain_(chain) {}
  void onRequestHead(http::RequestHead& head, bool end) override {
    Origin::Request& request = origin_.requests.emplace_back();
    request_ = &request;
    request.chain = &chain_;
    request.line = std::string(head.method) + " " + std::string(head.path);
    head.headers.forEach([&](const http::HeaderMap::Field& field) {
      request.headers[std::string(field.name)] = std::string(field.value);
    });
    if (end) answer();
  }
  void onRequestBody(buffer::Buffer& data, bool end) override {
    data.clear();
    if (end) answer();
  }
  void onRequestTrailers(http::HeaderMap&) override {}
  void onResponseBlocked(bool blocked) override {
    if (request_ != nullptr) request_->blocked += blocked ? 1 : -1;
  }
  void onStreamEnd() override {
    if (request_ != nullptr) request_->over = true;
  }

 private:
  void answer() {
    if (origin_.script) request_->answer(origin_.script(*request_));
  }
  Origin& origin_;
  http::FilterChain& chain_;
  Origin::Request* request_ = nullptr;
};

}  // namespace

http::Terminal& Origin::createTerminal(http::FilterChain& chain, base::Arena& arena) {
  return *arena.create<OriginTerminal>(*this, chain);
}

void Origin::Request::head(const OriginAnswer& answer, bool end) {
  if (over) return;
  http::ResponseHead& head = chain->context().response;
  head.clear();
  head.status = static_cast<uint16_t>(answer.status);
  head.framing = end              ? http::BodyFraming::kNone
                 : answer.chunked ? http::BodyFraming::kChunked
                                  : http::BodyFraming::kContentLength;
  head.content_length = answer.body.size();
  for (const auto& [name, value] : answer.headers) head.headers.add(name, value);
  chain->respondHead(end);
}

void Origin::Request::body(std::string_view bytes, bool end) {
  if (over) return;
  buffer::Buffer data(chain->context().blocks);
  data.append(bytes);
  chain->respondBody(data, end);
}

void Origin::Request::answer(const OriginAnswer& answer) {
  const bool none = answer.body.empty() || line.starts_with("HEAD ") || answer.status == 304;
  head(answer, none);
  if (!none) body(answer.body, true);
}

void Origin::Request::fail(http::ErrorReason reason) {
  const http::StreamError error{http::ErrorOrigin::kUpstream, reason, false, "test"};
  if (over) return;
  chain->noteFailure(error);
  if (!over) chain->localReply({.status = http::statusFor(error)});
}

TestWorker::TestWorker(const CacheFilterFactory& factory, base::LocalRef<Origin> from,
                       stats::Store& stats, event::FakeDispatcher& at)
    : dispatcher(at), io(at, 0), origin(std::move(from)) {
  services.put<event::Dispatcher>(dispatcher);
  services.put(io);
  services.put(stats);
  services.put(stats.block(1));
  exchanges = std::make_unique<http::OnwardExchanges>(services);
  services.put(*exchanges);
  filters = factory.bind(services);
}

Exchange::Exchange(TestWorker& worker, const Ask& ask)
    : worker_(worker),
      chain_({.request = request_,
              .response = response_,
              .request_trailers = request_trailers_,
              .response_trailers = response_trailers_,
              .info = info,
              .arena = arena_,
              .dispatcher = worker.dispatcher,
              .blocks = worker.io.blocks()},
             *this) {
  request_.method = request_.arena.copy(ask.method);
  request_.scheme = "http";
  request_.authority = request_.arena.copy(ask.authority);
  request_.path = request_.arena.copy(ask.path);
  for (const auto& [name, value] : ask.headers) request_.headers.add(name, value);
  chain_.addFilter(*worker.filters->create(arena_));
  chain_.setTerminal(worker.origin->createTerminal(chain_, arena_));
  chain_.requestHead(!ask.body);
  if (!ask.body) return;
  buffer::Buffer data(worker.io.blocks());
  data.append("request");
  chain_.requestBody(data, true);
}

void Exchange::end() {
  chain_.end();
  chain_.clear();
}

void Exchange::sendHead(http::ResponseHead& head, bool end_stream) {
  status = head.status;
  content_length = head.content_length;
  ended = end_stream;
  head.headers.forEach([&](const http::HeaderMap::Field& field) {
    std::string& to = headers[base::lowered(field.name)];
    to += (to.empty() ? "" : ", ") + std::string(field.value);
  });
}

void Exchange::sendBody(buffer::Buffer& data, bool end_stream) {
  body += data.toString();
  data.clear();
  ended = end_stream;
}

const http::Route* Exchange::resolveRoute() {
  info.route = &kRoute;
  return &kRoute;
}

http::ChainOrigin Exchange::origin() {
  http::ChainOrigin origin;
  origin.source = worker_.origin;
  origin.route = &kRoute;
  return origin;
}

CacheFixture::CacheFixture(CacheRules rules, uint64_t bytes)
    : store(std::make_shared<CacheStore>("test", bytes)),
      factory(std::move(rules), store, CacheStats::create(stats, "test")),
      worker(std::make_unique<TestWorker>(factory, origin, stats, dispatcher)) {}

CacheFixture::~CacheFixture() {
  worker->exchanges->endAll();
  dispatcher.runUntilIdle();
  worker.reset();
}

std::unique_ptr<Exchange> CacheFixture::ask(const Ask& ask) {
  auto exchange = std::make_unique<Exchange>(*worker, ask);
  dispatcher.runUntilIdle();
  return exchange;
}

void CacheFixture::answer(OriginAnswer answer) {
  origin->script = [answer = std::move(answer)](const Origin::Request&) { return answer; };
}

std::string CacheFixture::date(int seconds_from_now) const {
  std::array<char, base::kHttpDateSize> text;
  return std::string(
      base::formatHttpDate(dispatcher.systemNow() + std::chrono::seconds(seconds_from_now), text));
}

}  // namespace weir::extensions::http_filters::cache
