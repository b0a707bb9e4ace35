// Crawlee as its documentation has it: a CheerioCrawler with enqueueLinks and pushData, storages on disk.
//
// Its pool begins with as many requests at once as the others have connections; left to itself it would begin with one.

import { CheerioCrawler, log } from '@crawlee/cheerio';

const [seed, connections, scope, noPages] = process.argv.slice(2);

log.setLevel(log.LEVELS.WARNING);

const crawler = new CheerioCrawler({
    minConcurrency: Number(connections),
    maxConcurrency: Number(connections),
    respectRobotsTxtFile: false,
    maxRequestRetries: 0,
    async requestHandler({ request, $, body, enqueueLinks, pushData }) {
        await pushData({ url: request.loadedUrl, title: $('title').text(), bytes: body.length });
        await enqueueLinks({
            strategy: scope === 'host' ? 'same-hostname' : 'all',
            exclude: [new RegExp(`\\.(${noPages})([?#].*)?$`)],
        });
    },
});

await crawler.run([seed]);
