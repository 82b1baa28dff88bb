/** Makes many pictures, a few at a time, and goes on when one of them fails: `node examples/many.ts`. */
import { createLimner, LimnerError, TaskFailed } from '@limner/client';

const limner = createLimner({
  baseUrl: process.env.LIMNER_URL ?? 'http://127.0.0.1:8787',
  apiKey: process.env.LIMNER_API_KEY ?? '',
});

const waiting = ['A fox', 'An owl', 'A pike', '[sandbox:fail=content_policy_violation] A unicorn', 'A newt'];

const work = async (): Promise<void> => {
  for (let prompt = waiting.shift(); prompt !== undefined; prompt = waiting.shift()) {
    try {
      const { images } = await limner.generate({ model: 'keling', prompt, size: '1024x1024' });
      console.log(`${prompt}: ${images[0]?.url}`);
    } catch (error) {
      if (error instanceof TaskFailed) {
        console.log(`${prompt}: ${error.code}${error.retryable ? ', to be tried again later' : ''}`);
      } else if (error instanceof LimnerError && error.code === 'insufficient_quota') {
        console.log('The budget of the key is used up.');
        return;
      } else throw error;
    }
  }
};

await Promise.all([work(), work()]);
