#include "extensions/http_filters/static_files/static_files.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "extensions/http_filters/common/byte_ranges.h"
#include "extensions/http_filters/common/codecs/accept_encoding.h"
#include "extensions/http_filters/static_files/conditions.h"
#include "extensions/http_filters/static_files/file_path.h"
#include "extensions/http_filters/static_files/files.h"
#include "extensions/http_filters/static_files/response_plan.h"
#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/base/task_pool.h"
#include "source/base/time.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using common::codecs::AcceptEncoding;
using common::codecs::Coding;
using http::BodyFraming;
using http::HeaderId;
using http::HeaderMap;
using http::Verdict;

constexpr size_t kFirstBytes = 64 * 1024;  // read when the file is opened
constexpr size_t kPieceBytes = 128 * 1024;

// What the streams of one worker share. Worker-confined.
struct Worker {
  Worker(const StaticFilesConfig& c, base::ServiceMap& services)
      : config(c),
        pool(services.get<base::TaskPool>()),
        served(cell(services, c.stats.served)),
        not_modified(cell(services, c.stats.not_modified)),
        not_found(cell(services, c.stats.not_found)),
        failed(cell(services, c.stats.failed)),
        bytes(cell(services, c.stats.bytes)) {}
  static stats::Cell& cell(base::ServiceMap& services, stats::CounterId id) {
    return services.get<stats::Block>().counter(id);
  }
  const StaticFilesConfig& config;
  base::TaskPool& pool;
  base::Random random;
  stats::Cell& served;
  stats::Cell& not_modified;
  stats::Cell& not_found;
  stats::Cell& failed;
  stats::Cell& bytes;
};

class StaticFilesFilter;

// What tasks under way report to; they keep the file open. `filter` is touched on the worker alone:
// null when the stream is over.
struct Job {
  StaticFilesFilter* filter = nullptr;
  base::UniqueFd fd;
};

// Of one stream. Worker-confined.
class StaticFilesFilter final : public http::HttpFilter {
 public:
  explicit StaticFilesFilter(Worker& worker) : worker_(worker) {}

  Verdict onRequestHead(http::RequestHead& head, bool end_stream) override;
  void onAnswerBlocked(bool blocked) override;
  void onStreamEnd() override;

 private:
  Verdict refuse(uint16_t status, std::string_view detail, std::string_view body);
  Verdict notFound();
  bool search(std::string path);
  void onFound(Found& found);
  void redirectToFolder();
  void serve(Found& found);
  void serveHead(const Found& found, const ResponsePlan& plan, const Validators& validators);
  void pump();
  bool sendNext();
  bool read(uint64_t offset, size_t bytes);
  void onPart(const std::string& part, size_t wanted);
  void breakOff(std::string_view detail);

  Worker& worker_;
  const StaticFilesPolicy* policy_ = nullptr;
  std::shared_ptr<Job> job_;
  std::vector<Segment> body_;
  size_t at_ = 0;             // in body_
  std::string part_;          // bytes of the file that have been read,
  uint64_t part_offset_ = 0;  // from here
  bool blocked_ = false;
  bool reading_ = false;
  bool pumping_ = false;
};

Verdict StaticFilesFilter::onRequestHead(http::RequestHead& head, bool) {
  policy_ = static_cast<const StaticFilesPolicy*>(handle().routeConfig());
  if (policy_ == nullptr) policy_ = worker_.config.policy.get();
  const std::string_view path = head.pathWithoutQuery();
  if (policy_->root.empty() || !path.starts_with(policy_->prefix)) return Verdict::kContinue;
  if (head.method != "GET" && !head.isHead()) {
    if (policy_->fall_through) return Verdict::kContinue;
    static constexpr http::ReplyField kAllow[] = {{"allow", "GET, HEAD"}};
    handle().localReply({.status = 405, .detail = "static_files_method", .fields = kAllow});
    return Verdict::kPause;
  }
  auto file = filePath(path.substr(policy_->prefix.size()), policy_->hidden_files);
  if (!file) return notFound();
  if (!search(std::move(*file))) {
    worker_.failed.add();
    return refuse(503, "static_files_busy", "too many files are being read\n");
  }
  return Verdict::kPause;
}

Verdict StaticFilesFilter::refuse(uint16_t status, std::string_view detail, std::string_view body) {
  handle().localReply({.status = status, .body = body, .detail = detail});
  return Verdict::kPause;
}

Verdict StaticFilesFilter::notFound() {
  if (policy_->fall_through) return Verdict::kContinue;
  worker_.not_found.add();
  return refuse(404, "static_files_not_found", "not found\n");
}

bool StaticFilesFilter::search(std::string path) {
  Wanted wanted{.root = policy_->root,
                .path = std::move(path),
                .index = policy_->index,
                .fallback = policy_->fallback,
                .codings = {},
                .first_bytes = handle().requestHead().isHead() ? 0 : kFirstBytes};
  if (!policy_->precompressed.empty()) {
    const auto accepted = AcceptEncoding::parse(handle().requestHead().headers);
    for (const Coding coding : policy_->precompressed) {
      if (accepted.weight(coding) > 0 && accepted.weight(coding) >= accepted.identityWeight()) {
        wanted.codings.push_back(coding);
      }
    }
    std::stable_sort(wanted.codings.begin(), wanted.codings.end(),
                     [&](Coding a, Coding b) { return accepted.weight(a) > accepted.weight(b); });
  }
  job_ = std::make_shared<Job>();
  job_->filter = this;
  event::Dispatcher& dispatcher = handle().dispatcher();
  return worker_.pool.submit([&dispatcher, job = job_, wanted = std::move(wanted)]() mutable {
    auto found = std::make_unique<Found>(find(wanted));
    dispatcher.post([job = std::move(job), found = std::move(found)] {
      if (job->filter != nullptr) job->filter->onFound(*found);
    });
  });
}

void StaticFilesFilter::onFound(Found& found) {
  switch (found.kind) {
    case Found::Kind::kNothing:
      if (notFound() == Verdict::kContinue) handle().resumeRequest();
      return;
    case Found::Kind::kFolder:
      return redirectToFolder();
    case Found::Kind::kFailed:
      worker_.failed.add();
      refuse(503, "static_files_failed", "the file cannot be read now\n");
      return;
    case Found::Kind::kFile:
      return serve(found);
  }
}

// Relative references in its pages need the slash.
void StaticFilesFilter::redirectToFolder() {
  const http::RequestHead& head = handle().requestHead();
  const std::string_view path = head.pathWithoutQuery();
  const std::string location = base::concat(path, "/", head.path.substr(path.size()));
  handle().localReply({.status = 301, .detail = "static_files_folder", .location = location});
}

std::string etagOf(const Opened& file) {
  std::array<char, 64> text;
  char* end = text.data();
  *end++ = '"';
  for (const uint64_t part : {file.inode, file.size, static_cast<uint64_t>(file.modified_ns)}) {
    if (end != text.data() + 1) *end++ = '-';
    end = std::to_chars(end, text.data() + text.size() - 1, part, 16).ptr;
  }
  *end++ = '"';
  return {text.data(), end};
}

std::string boundaryOf(base::Random& random) {
  std::array<char, 36> text;
  random.uuid4(text);
  return {text.data(), text.size()};
}

void StaticFilesFilter::serve(Found& found) {
  const HeaderMap& asked = handle().requestHead().headers;
  const event::SystemTime now = handle().dispatcher().systemNow();
  const std::string etag = etagOf(found.file);
  const event::SystemTime modified = std::chrono::time_point_cast<event::SystemTime::duration>(
      event::SystemTime(std::chrono::seconds(found.file.modified_ns / 1'000'000'000)));
  const Validators validators{.etag = etag, .modified = std::min(modified, now)};
  ResponsePlan plan;
  plan.status = evaluateConditions(asked, validators, now);
  if (plan.status == 200) {
    const bool ranges = !handle().requestHead().isHead() && rangeApplies(asked, validators, now);
    plan = planResponse(
        common::readByteRanges(ranges ? asked.get(HeaderId::kRange) : "", found.file.size),
        found.file.size, policy_->types.of(found.path), boundaryOf(worker_.random));
  }
  (plan.status == 304 ? worker_.not_modified : worker_.served).add();
  body_ = std::move(plan.body);
  part_ = std::move(found.first);
  job_->fd = std::move(found.file.fd);
  serveHead(found, plan, validators);
  if (!body_.empty()) pump();
}

void StaticFilesFilter::serveHead(const Found& found, const ResponsePlan& plan,
                                  const Validators& validators) {
  http::ResponseHead* const head = handle().beginAnswer();
  if (head == nullptr) return body_.clear();
  head->status = plan.status;
  HeaderMap& headers = head->headers;
  const bool content = plan.status == 200 || plan.status == 206;
  if (content) headers.add(HeaderId::kContentType, plan.content_type);
  if (content && found.coding) {
    headers.add(HeaderId::kContentEncoding, codingName(*found.coding));
  }
  if (!plan.content_range.empty()) headers.add("content-range", plan.content_range);
  if (content || plan.status == 304) {
    std::array<char, base::kHttpDateSize> date;
    headers.add(HeaderId::kETag, validators.etag);
    headers.add(HeaderId::kLastModified, base::formatHttpDate(validators.modified, date));
    if (!policy_->cache_control.empty()) {
      headers.add(HeaderId::kCacheControl, policy_->cache_control);
    }
  }
  if (plan.status != 412) headers.add("accept-ranges", "bytes");
  if (!policy_->precompressed.empty()) common::codecs::addVary(headers, "accept-encoding");
  head->framing = plan.status == 304 ? BodyFraming::kNone : BodyFraming::kContentLength;
  head->content_length = plan.length;
  const bool head_only = handle().requestHead().isHead();
  if (head_only) body_.clear();
  if (!head_only) worker_.bytes.add(plan.length);
  handle().answerHead(body_.empty());
}

// Sends until the client cannot take more or a part has to be read.
void StaticFilesFilter::pump() {
  if (pumping_) return;
  pumping_ = true;
  while (!blocked_ && !reading_ && at_ < body_.size() && sendNext()) {
  }
  pumping_ = false;
}

bool StaticFilesFilter::sendNext() {
  Segment& segment = body_[at_];
  buffer::Buffer data(handle().blocks());
  data.append(segment.text);
  segment.text.clear();
  const bool there = segment.offset >= part_offset_ && segment.offset < part_offset_ + part_.size();
  if (segment.size > 0 && there) {
    const std::string_view bytes =
        std::string_view(part_)
            .substr(segment.offset - part_offset_)
            .substr(0, static_cast<size_t>(std::min<uint64_t>(segment.size, kPieceBytes)));
    data.append(bytes);
    segment.offset += bytes.size();
    segment.size -= bytes.size();
  } else if (segment.size > 0 && data.empty()) {
    return read(segment.offset, static_cast<size_t>(std::min<uint64_t>(segment.size, kPieceBytes)));
  }
  if (segment.size == 0) ++at_;
  const bool end = at_ == body_.size();
  return handle().answerBody(data, end) && !end;
}

bool StaticFilesFilter::read(uint64_t offset, size_t bytes) {
  reading_ = true;
  part_offset_ = offset;
  event::Dispatcher& dispatcher = handle().dispatcher();
  const bool accepted = worker_.pool.submit([&dispatcher, job = job_, offset, bytes]() mutable {
    std::string part = readPart(job->fd.get(), offset, bytes);
    dispatcher.post([job = std::move(job), part = std::move(part), bytes] {
      if (job->filter != nullptr) job->filter->onPart(part, bytes);
    });
  });
  if (!accepted) breakOff("static_files_busy");
  return false;
}

void StaticFilesFilter::onPart(const std::string& part, size_t wanted) {
  reading_ = false;
  // It has become shorter: what was promised cannot be kept.
  if (part.size() < wanted) return breakOff("static_files_truncated");
  part_ = part;
  pump();
}

void StaticFilesFilter::breakOff(std::string_view detail) {
  worker_.failed.add();
  body_.clear();
  at_ = 0;
  handle().reset({http::ErrorOrigin::kLocal, http::ErrorReason::kFilter, false, detail});
}

void StaticFilesFilter::onAnswerBlocked(bool blocked) {
  blocked_ = blocked;
  if (!blocked) pump();
}

void StaticFilesFilter::onStreamEnd() {
  body_.clear();
  at_ = 0;
  if (job_) job_->filter = nullptr;
}

// Makes the filters of one worker. Worker-confined.
class WorkerStaticFilesFilterFactory final : public http::WorkerHttpFilterFactory {
 public:
  WorkerStaticFilesFilterFactory(const StaticFilesConfig& config, base::ServiceMap& services)
      : worker_(config, services) {}
  http::HttpFilter* create(base::Arena& arena) override {
    return arena.create<StaticFilesFilter>(worker_);
  }

 private:
  Worker worker_;
};

}  // namespace

std::unique_ptr<http::WorkerHttpFilterFactory> StaticFilesFilterFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<WorkerStaticFilesFilterFactory>(config_, services);
}

}  // namespace weir::extensions::http_filters::static_files
