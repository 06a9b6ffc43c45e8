// The sample pictures: what each shows, what it may be asked, and its scene.
import { goldfish, jellyfish, ladybug } from './scenes/animals.js';
import { lemons, oranges, pizza } from './scenes/fruit.js';
import { lighthouse, schoolBus } from './scenes/outdoors.js';

export const SAMPLES = [
  {
    name: 'oranges',
    scene: oranges,
    title: 'Oranges',
    labels: ['orange', 'lemon', 'banana', 'pizza', 'basketball'],
    alt: 'Three oranges on a wooden table, one with a leaf',
    ko: {
      title: '오렌지',
      labels: ['오렌지', '레몬', '바나나', '피자', '농구공'],
      alt: '나무 탁자 위의 오렌지 세 개, 하나에는 잎이 달려 있음',
    },
  },
  {
    name: 'school-bus',
    scene: schoolBus,
    title: 'A bus',
    labels: ['school bus', 'police van', 'sports car', 'tractor', 'limousine'],
    alt: 'A yellow school bus on a road before trees',
    ko: { title: '버스', labels: ['스쿨버스', '경찰차', '스포츠카', '트랙터', '리무진'], alt: '나무가 늘어선 길 위의 노란 스쿨버스' },
  },
  {
    name: 'lighthouse',
    scene: lighthouse,
    title: 'At the sea',
    labels: ['lighthouse', 'water tower', 'barn', 'lifeboat', 'suspension bridge'],
    alt: 'A lighthouse with red and white bands on a rocky headland',
    ko: { title: '바닷가', labels: ['등대', '급수탑', '헛간', '구명정', '현수교'], alt: '바위 곶에 선 빨간색과 흰색 띠의 등대' },
  },
  {
    name: 'ladybug',
    scene: ladybug,
    title: 'On a leaf',
    labels: ['ladybug', 'spider', 'frog', 'mushroom', 'goldfish'],
    alt: 'A ladybug with black spots on a green leaf',
    ko: { title: '잎 위에서', labels: ['무당벌레', '거미', '개구리', '버섯', '금붕어'], alt: '초록 잎 위의 검은 점박이 무당벌레' },
  },
  {
    name: 'jellyfish',
    scene: jellyfish,
    title: 'Deep water',
    labels: ['jellyfish', 'umbrella', 'goldfish', 'coral reef', 'spider web'],
    alt: 'A pale jellyfish in deep blue water',
    ko: { title: '깊은 물속', labels: ['해파리', '우산', '금붕어', '산호초', '거미줄'], alt: '짙푸른 물속의 창백한 해파리' },
  },
  {
    name: 'goldfish',
    scene: goldfish,
    title: 'In the tank',
    labels: ['goldfish', 'jellyfish', 'frog', 'lobster', 'penguin'],
    alt: 'A goldfish in an aquarium',
    ko: { title: '어항 속', labels: ['금붕어', '해파리', '개구리', '바닷가재', '펭귄'], alt: '어항 속의 금붕어' },
  },
  {
    name: 'lemons',
    scene: lemons,
    title: 'Lemons',
    labels: ['lemon', 'banana', 'pizza', 'teapot', 'mushroom'],
    alt: 'Three lemons on a wooden table',
    ko: { title: '레몬', labels: ['레몬', '바나나', '피자', '찻주전자', '버섯'], alt: '나무 탁자 위의 레몬 세 개' },
  },
  {
    name: 'pizza',
    scene: pizza,
    title: 'Supper',
    labels: ['pizza', 'ice cream', 'espresso', 'pretzel', 'goldfish'],
    alt: 'A pizza with salami and basil',
    ko: { title: '저녁 식사', labels: ['피자', '아이스크림', '에스프레소', '프레첼', '금붕어'], alt: '살라미와 바질을 얹은 피자' },
  },
];
