import { describe, expect, it } from 'vitest';
import { deliver, messageTo } from './fake-team.ts';
import type { Progress } from './fake-team.ts';

const HEADER = 'date,segment,channel,hour,sent,opened,clicked,converted,revenue';
const campaignsCsv = [
  HEADER,
  '2026-01-06,enterprise,email,10,1000,300,60,20,2000',
  '2026-02-03,enterprise,email,10,1000,400,80,40,4000',
  '2026-02-04,startup,sms,15,2000,200,40,10,500',
].join('\n');

describe('analytics', () => {
  it('divides opens, clicks, conversions and revenue by the sends of a segment and of all', async () => {
    const value = await deliver(['analytics'], { campaignsCsv });
    expect(value).toMatchObject({ method: 'rule-based', rows: 3, assumptions: [] });
    expect(value['overall']).toEqual({
      rows: 3,
      sent: 4000,
      openRate: 0.225,
      clickRate: 0.045,
      conversionRate: 0.0175,
      revenuePerSend: 1.625,
    });
    expect(value['bySegment']).toMatchObject([
      { segment: 'enterprise', sent: 2000, openRate: 0.35, clickRate: 0.07, conversionRate: 0.03, revenuePerSend: 3 },
      { segment: 'startup', sent: 2000, openRate: 0.1, clickRate: 0.02, conversionRate: 0.005, revenuePerSend: 0.25 },
    ]);
    expect(value['byChannel']).toMatchObject([{ channel: 'email' }, { channel: 'sms' }]);
  });

  it('tells how far it is by the rows read and the parts measured, never backwards', async () => {
    const progress: Progress[] = [];
    const rows = Array.from({ length: 1_000 }, (_, n) => `2026-01-06,s${n % 2},email,10,1000,300,60,20,${n}`);
    await deliver(['analytics'], { campaignsCsv: [HEADER, ...rows].join('\n') }, { progress });
    const percents = progress.map(({ percent }) => percent);
    expect(percents).toEqual(percents.toSorted((a, b) => a - b));
    expect(progress).toContainEqual({ percent: 75, note: '1000 rows read' });
    expect(progress).toContainEqual({ percent: 80, note: 'segment s0 measured' });
    expect(progress.at(-1)).toEqual({ percent: 100, note: 'done' });
  });

  it('draws the trend through the months: from 30 % opened to 20 % is −0.1 a month', async () => {
    const { trend } = await deliver(['analytics'], { campaignsCsv });
    expect(trend).toMatchObject({
      months: [
        { month: '2026-01', openRate: 0.3, conversionRate: 0.02, revenue: 2000 },
        { month: '2026-02', openRate: 0.2, conversionRate: 0.016667, revenue: 4500 },
      ],
      slopePerMonth: { openRate: -0.1, conversionRate: -0.003333 },
    });
  });

  it('counts a month without campaigns as a gap: 30 % to 20 % over two months is −0.05 a month', async () => {
    const gap = [
      HEADER,
      '2025-12-02,enterprise,email,10,1000,300,60,20,0',
      '2026-02-03,enterprise,email,10,1000,200,60,20,0',
    ];
    const { trend } = await deliver(['analytics'], { campaignsCsv: gap.join('\n') });
    expect(trend).toMatchObject({ slopePerMonth: { openRate: -0.05 } });
  });

  it('names the weekday and hour that converted best', async () => {
    const { bestSendTime } = await deliver(['analytics'], { campaignsCsv });
    expect(bestSendTime).toEqual({ weekday: 'Tuesday', hour: 10, sent: 2000, conversionRate: 0.03 });
  });

  it('names a best send time from 1,000 sends on, and none at 999', async () => {
    const withSends = (sent: number) => ({ campaignsCsv: `${HEADER}\n2026-01-06,a,email,10,${sent},9,9,9,9` });
    expect((await deliver(['analytics'], withSends(1000)))['bestSendTime']).toMatchObject({ weekday: 'Tuesday' });
    const tooFew = await deliver(['analytics'], withSends(999));
    expect(tooFew['bestSendTime']).toBeNull();
    expect(tooFew.assumptions).toEqual(['No weekday and hour has 1000 sends or more: no best send time is named.']);
  });

  it('prefers a slightly lower rate of many sends to a higher one of few: luck is no evidence', async () => {
    const few = '2026-01-05,a,email,9,1000,90,60,31,0';
    const many = '2026-01-06,a,email,10,100000,9000,6000,3000,0';
    const { bestSendTime } = await deliver(['analytics'], { campaignsCsv: [HEADER, few, many].join('\n') });
    expect(bestSendTime).toMatchObject({ weekday: 'Tuesday', hour: 10 });
  });

  it('leaves out rows with missing or impossible values, and says how many', async () => {
    const bad = [
      '2026-02-30,a,email,10,100,1,1,1,1',
      '2026-01-06,a,email,24,100,1,1,1,1',
      '2026-01-06,a,email,10,100,101,1,1,1',
      '2026-01-06,a,email,10,,1,1,1,1',
      '2026-01-06,,email,10,100,1,1,1,1',
    ];
    const value = await deliver(['analytics'], { campaignsCsv: [campaignsCsv, ...bad].join('\n') });
    expect(value).toMatchObject({ rows: 3, overall: { sent: 4000 } });
    expect(value.assumptions).toEqual(['5 rows with missing or impossible values were left out.']);
  });

  it('reads quoted fields, a byte order mark, Windows line ends and columns in another order and case', async () => {
    const text = [
      '\ufeffSegment,Date,Channel,Sent,Opened,Clicked,Converted',
      '"large, ""blue""",2026-01-06,email,100,50,20,10',
      '',
    ];
    const value = await deliver(['analytics'], { campaignsCsv: text.join('\r\n') });
    expect(value['bySegment']).toMatchObject([{ segment: 'large, "blue"', openRate: 0.5, revenuePerSend: null }]);
  });

  it('says which columns a CSV lacks', async () => {
    const data = { campaignsCsv: 'date,segment,sent\n2026-01-06,a,100' };
    await expect(deliver(['analytics'], data)).rejects.toThrow('lacks the columns channel, opened, clicked, converted');
  });

  it('says so if no row can be used, if the text is no CSV, and if it is no text', async () => {
    await expect(deliver(['analytics'], { campaignsCsv: `${HEADER}\nx,,,,,,,,` })).rejects.toThrow(
      'None of the 1 rows',
    );
    await expect(deliver(['analytics'], { campaignsCsv: `${HEADER}\n1,2` })).rejects.toThrow('cannot be read');
    await expect(deliver(['analytics'], { campaignsCsv: ['a'] })).rejects.toThrow('must be CSV text');
  });

  it('reads 200 KiB and refuses a byte more', async () => {
    const padded = campaignsCsv.padEnd(200 * 1024, '\n');
    expect(await deliver(['analytics'], { campaignsCsv: padded })).toMatchObject({ rows: 3 });
    await expect(deliver(['analytics'], { campaignsCsv: `${padded}\n` })).rejects.toThrow('has 204801 bytes');
  });
});

describe('a message on rates', () => {
  it('is answered with the numbers that the delivery holds', async () => {
    const value = await deliver(['analytics'], { campaignsCsv });
    expect(await messageTo('insights', 'rates', { campaignsCsv })).toEqual({
      rows: 3,
      segments: value['bySegment'],
      overall: value['overall'],
      bestSendTime: value['bestSendTime'],
    });
  });

  it('is answered from the data of its own task: other rows, other rates', async () => {
    const other = `${HEADER}\n2026-01-06,enterprise,email,10,1000,500,60,20,2000`;
    expect(await messageTo('insights', 'rates', { campaignsCsv })).toMatchObject({ overall: { openRate: 0.225 } });
    expect(await messageTo('insights', 'rates', { campaignsCsv: other })).toMatchObject({ overall: { openRate: 0.5 } });
  });

  it('is answered with no rates where the task brings no history', async () => {
    expect(await messageTo('insights', 'rates', {})).toEqual({
      rows: 0,
      segments: [],
      overall: null,
      bestSendTime: null,
    });
  });

  it('on anything else fails', async () => {
    await expect(messageTo('insights', 'weather', {})).rejects.toThrow('no answer on weather');
  });
});

describe('data_analysis', () => {
  it('describes the numeric columns of any CSV and names what goes together', async () => {
    const value = await deliver(['data_analysis'], { csv: 'name,x,y\na,1,2\nb,2,4\nc,3,6\nd,6,12' });
    expect(value).toMatchObject({
      rows: 4,
      columns: [
        { column: 'x', count: 4, min: 1, max: 6, mean: 3, median: 2.5, standardDeviation: 1.870829 },
        { column: 'y', count: 4, min: 2, max: 12, mean: 6 },
      ],
      correlations: [{ between: ['x', 'y'], r: 1 }],
    });
  });

  it('takes rows of objects and series of numbers as well', async () => {
    expect(await deliver(['data_analysis'], { rows: [{ x: 1, y: 'a' }, { x: 3 }] })).toMatchObject({
      rows: 2,
      columns: [{ column: 'x', count: 2, mean: 2 }],
    });
    expect(await deliver(['data_analysis'], { series: [1, 5] })).toMatchObject({
      columns: [{ column: 'series', mean: 3 }],
    });
  });
});

describe('reporting', () => {
  it('puts the rates into sentences, the best segment first', async () => {
    const { summary } = await deliver(['reporting'], { campaignsCsv });
    expect(summary).toEqual([
      'Of 4000 sends 22.5 % were opened, 4.5 % clicked, and 1.75 % converted.',
      'By segment, best first: Enterprise 3 %, Startup 0.5 %.',
      'By channel, best first: Email 3 %, Sms 0.5 %.',
      'Over 2 months the open rate changed by -10 points a month.',
      'Tuesday at 10:00 converted best: 3 % of 2000 sends.',
    ]);
  });
});
