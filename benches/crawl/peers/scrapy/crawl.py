"""Scrapy as its documentation has it: a CrawlSpider with a LinkExtractor, items into a feed.

Settings are those of the page "Broad Crawls" that bear on speed (log level, cookies, retries, the priority queue), and
no politeness. A line of JSON a page is written, as all contenders do.
"""

import sys
from urllib.parse import urlsplit

from scrapy.crawler import CrawlerProcess
from scrapy.http import HtmlResponse
from scrapy.linkextractors import LinkExtractor
from scrapy.spiders import CrawlSpider, Rule

SEED, CONNECTIONS, OUT, SCOPE, NO_PAGES = sys.argv[1:6]


class Pages(CrawlSpider):
    name = "pages"
    start_urls = [SEED]
    allowed_domains = [urlsplit(SEED).hostname] if SCOPE == "host" else []
    # canonicalize is off by default: an URL is what the page says.
    rules = [Rule(LinkExtractor(deny=rf"\.({NO_PAGES})([?#].*)?$"), callback="page", follow=True)]

    def page(self, response):
        if isinstance(response, HtmlResponse):
            yield {
                "url": response.url,
                "status": response.status,
                "title": response.css("title::text").get(),
                "bytes": len(response.body),
            }

    parse_start_url = page


process = CrawlerProcess(
    settings={
        "ROBOTSTXT_OBEY": False,
        "CONCURRENT_REQUESTS": int(CONNECTIONS),
        "CONCURRENT_REQUESTS_PER_DOMAIN": int(CONNECTIONS),
        "DOWNLOAD_DELAY": 0,
        "AUTOTHROTTLE_ENABLED": False,
        "SCHEDULER_PRIORITY_QUEUE": "scrapy.pqueues.DownloaderAwarePriorityQueue",
        "COOKIES_ENABLED": False,
        "RETRY_ENABLED": False,
        "TELNETCONSOLE_ENABLED": False,
        "LOG_LEVEL": "WARNING",
        "FEEDS": {OUT: {"format": "jsonlines"}},
    }
)
process.crawl(Pages)
process.start()
